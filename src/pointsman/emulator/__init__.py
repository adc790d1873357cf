"""A stand-in for the model providers: speaks their dialects from a script, on a port of this machine.

It has its own view of the wire and shares no code with ``pointsman.providers``, so that one can catch the other's mistakes.
Start at ``app.Emulator`` and ``script.load_script``; ``serving.serve_in_thread`` puts it on a port.
"""
