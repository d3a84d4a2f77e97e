"""What clients send and are sent, as models: the gateway checks with them and `/asyncapi.json` is made of them."""
