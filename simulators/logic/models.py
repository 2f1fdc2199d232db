"""Models of the circuit families in plain integers: what each circuit must compute.

Each function takes the width and the inputs by port, and returns the outputs by port. They follow
the definitions, not the Verilog, so that one checks the other.
"""

from __future__ import annotations

import math
import random

__all__ = ["CONTROL_INPUTS", "CONTROL_OUTPUTS", "control_table"]

Values = dict[str, int]

CONTROL_INPUTS, CONTROL_OUTPUTS = 12, 8


def adder(width: int, given: Values) -> Values:
    """Sum with carry out."""
    return {"sum": given["a"] + given["b"]}


def multiplier(width: int, given: Values) -> Values:
    """Product."""
    return {"product": given["a"] * given["b"]}


def square(width: int, given: Values) -> Values:
    """Square."""
    return {"product": given["a"] ** 2}


def sqrt(width: int, given: Values) -> Values:
    """Integer square root."""
    return {"root": math.isqrt(given["a"])}


def divider(width: int, given: Values) -> Values:
    """Quotient and remainder; all ones and the dividend for a divisor of 0."""
    if given["divisor"] == 0:
        return {"quotient": (1 << width) - 1, "remainder": given["dividend"]}
    quotient, remainder = divmod(given["dividend"], given["divisor"])
    return {"quotient": quotient, "remainder": remainder}


def barrel(width: int, given: Values) -> Values:
    """Rotation to the right."""
    text = f"{given['a']:0{width}b}"
    split = width - given["amount"] % width
    return {"rotated": int(text[split:] + text[:split], 2)}


def maximum(width: int, given: Values) -> Values:
    """Largest of four, and which one is the first so large."""
    words = [given[name] for name in "abcd"]
    return {"largest": max(words), "index": words.index(max(words))}


def decoder(width: int, given: Values) -> Values:
    """One line of many."""
    return {"onehot": 2 ** given["a"] if given["enable"] else 0}


def priority_encoder(width: int, given: Values) -> Values:
    """Lowest set bit."""
    bits = [i for i in range(width) if given["request"] >> i & 1]
    return {"index": bits[0] if bits else 0, "valid": int(bool(bits))}


def arbiter(width: int, given: Values) -> Values:
    """First request from the pointer on, going round."""
    order = [*range(given["pointer"], width), *range(given["pointer"])]
    granted = next((i for i in order if given["request"] >> i & 1), None)
    return {"grant": 0 if granted is None else 1 << granted}


def int_to_float(width: int, given: Values) -> Values:
    """Sign, exponent of the leading one, three bits after it."""
    raw = given["a"]
    negative = raw >> (width - 1)
    magnitude = 2**width - raw if negative else raw
    exponent = max(magnitude.bit_length() - 1, 0)
    return {
        "sign": negative,
        "exponent": exponent,
        "fraction": magnitude * 8 // 2**exponent % 8,
    }


def crc16(width: int, given: Values) -> Values:
    """Remainder of the data times x^16 (the start added to its top) by the polynomial 11021."""
    rest = given["data"] << 16 ^ given["start"] << width
    for position in range(width + 15, 15, -1):
        if rest >> position & 1:
            rest ^= 0x11021 << (position - 16)
    return {"crc": rest}


def alu(width: int, given: Values) -> Values:
    """Eight operations with flags."""
    a, b, op = given["a"], given["b"], given["op"]
    size = 2**width
    sign = size // 2
    arithmetic = op < 2
    signed = [(value ^ sign) - sign for value in (a, b)]
    exact = signed[0] - signed[1] if op else signed[0] + signed[1]
    # The carry of a subtraction is the absence of a borrow.
    carry = a >= b if op else a + b >= size
    shifted = (signed[0] // 2) % size
    results = [(a + b) % size, (a - b) % size, a & b, a | b, a ^ b, size - 1 - a, a * 2 % size]
    result = [*results, shifted][op]
    return {
        "result": result,
        "zero": int(result == 0),
        "carry": int(arithmetic and carry),
        "overflow": int(arithmetic and not -sign <= exact < sign),
    }


def popcount(width: int, given: Values) -> Values:
    """Set bits."""
    return {"count": given["a"].bit_count()}


def voter(width: int, given: Values) -> Values:
    """Majority."""
    return {"majority": int(2 * given["votes"].bit_count() > width)}


def _gf_times(x: int, y: int) -> int:
    """Multiply in GF(2^8) with AES's polynomial 11b."""
    product = 0
    for i in range(8):
        product ^= (x << i) * (y >> i & 1)
    for position in range(14, 7, -1):
        if product >> position & 1:
            product ^= 0x11B << (position - 8)
    return product


def _aes_byte(value: int) -> int:
    """Return one entry of AES's S-box, the inverse found by trying."""
    inverse = next((y for y in range(256) if _gf_times(value, y) == 1), 0)
    bits = [inverse >> i & 1 for i in range(8)]
    mapped = [
        bits[i] ^ bits[(i + 4) % 8] ^ bits[(i + 5) % 8] ^ bits[(i + 6) % 8] ^ bits[(i + 7) % 8]
        for i in range(8)
    ]
    return sum(bit << i for i, bit in enumerate(mapped)) ^ 0x63


def sbox(width: int, given: Values) -> Values:
    """AES's S-box on every byte."""
    bytes_in = given["a"].to_bytes(width, "little")
    return {"substituted": int.from_bytes(bytes(_aes_byte(byte) for byte in bytes_in), "little")}


def hypotenuse(width: int, given: Values) -> Values:
    """Length of the hypotenuse."""
    return {"length": math.isqrt(given["a"] ** 2 + given["b"] ** 2)}


def _wrap(value: int, width: int) -> int:
    half = 1 << (width - 1)
    return (value + half) % (2 * half) - half


def cordic(width: int, given: Values) -> Values:
    """CORDIC with constants from the mathematics library, everything cut to the width."""
    steps = range(width - 3)
    gain = math.prod(1 / math.sqrt(1 + 4.0**-i) for i in range(32))
    x, y = _wrap(int(gain * 2**31) >> (32 - width), width), 0
    rest = _wrap(given["angle"], width)
    for i in steps:
        turn = round(math.atan(2.0**-i) / (2 * math.pi) * 2**32) >> (32 - width)
        sign = -1 if rest < 0 else 1
        x, y = _wrap(x - sign * (y >> i), width), _wrap(y + sign * (x >> i), width)
        rest = _wrap(rest - sign * turn, width)
    return {"cosine": x % 2**width, "sine": y % 2**width}


def router(width: int, given: Values) -> Values:
    """Grants of a mesh router with dimension-ordered routes and fixed priorities."""
    mask = 2**width - 1
    grant = blocked = 0
    taken: set[int] = set()
    for i in range(5):
        if not given["valid"] >> i & 1:
            continue
        dx = (given["to_x"] >> width * i & mask) - given["here_x"]
        dy = (given["to_y"] >> width * i & mask) - given["here_y"]
        port = (1 if dx > 0 else 2) if dx else (3 if dy > 0 else 4) if dy else 0
        if port in taken:
            blocked |= 1 << i
        else:
            grant |= 1 << (5 * i + port)
        taken.add(port)
    return {"grant": grant, "blocked": blocked}


def control_table(width: int) -> list[tuple[int, int, int]]:
    """Return ``width`` random product terms as (mask, value, outputs), drawn from the width."""
    generator = random.Random(width)
    terms = []
    for _ in range(width):
        chosen = generator.sample(range(CONTROL_INPUTS), generator.randint(3, 7))
        mask = sum(1 << i for i in chosen)
        value = generator.getrandbits(CONTROL_INPUTS) & mask
        outputs = generator.getrandbits(CONTROL_OUTPUTS) & generator.getrandbits(CONTROL_OUTPUTS)
        terms.append((mask, value, outputs or 1))
    return terms


def control(width: int, given: Values) -> Values:
    """Random control logic: each output is the or of its product terms."""
    result = 0
    for mask, value, outputs in control_table(width):
        if given["a"] & mask == value:
            result |= outputs
    return {"y": result}
