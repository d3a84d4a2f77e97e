"""Engine.IO 4 on aiohttp's transport: polling, upgrade, WebSocket, binary, a ping wheel, buffers with a bound.

The protocol library above (python-socketio) calls `EngineServer` as it would its own transport.
"""
