# Frames for a sensor's line, in MicroPython or CPython.
#
# frame(number, age_ms, record) is the frame of a record, with its line end: age_ms
# is the time since the broadcast was heard, 0 to 5000, or None where the record
# has a "ts" of its own; record is a JSON object on one line, as bytes.


def crc16(data):
    c = 0xFFFF
    for x in data:
        c ^= x << 8
        for _ in range(8):
            c = ((c << 1) ^ 0x1021 if c & 0x8000 else c << 1) & 0xFFFF
    return c


def frame(number, age_ms, record):
    age = "" if age_ms is None else "%d" % age_ms
    body = ("%d,%s," % (number & 0xFFFFFFFF, age)).encode() + record.replace(b"$", b"\\u0024")
    out = b"$" + body + b"*" + ("%04X" % crc16(body)).encode()
    if len(out) > 1024 or age_ms is not None and not 0 <= age_ms <= 5000:
        raise ValueError("the record does not fit a frame")
    return out + b"\n"


if __name__ == "__main__":
    # Reads an age and a record a line from standard input, and writes frames.
    import sys

    for number, line in enumerate(sys.stdin.buffer):
        age, record = line.rstrip(b"\n").split(b" ", 1)
        try:
            sys.stdout.buffer.write(frame(number, int(age) if int(age) >= 0 else None, record))
        except ValueError:
            pass
