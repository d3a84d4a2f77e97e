"""Child processes that touch files from outside: `python -m livecore.library.work.NAME`, run by `library.children`.

A file from outside meets demuxers, decoders and filters written in C. So each child has little memory, little time, a low
priority, may open one file and write into one directory, and its death is an answer like any other. It prints JSON lines:
`{"done": 0..1}` while it works, `{"found": {…}}` at its end.
"""
