# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""AES-256-GCM (FIPS 197, NIST SP 800-38D) in plain Python, for a few hundred bytes at a time.

The standard library has none, and the packages that have one in plain Python carry a whole TLS library. It does not
resist timing attacks: for a server of tests alone.
"""

from __future__ import annotations

import hmac

NONCE, TAG = 12, 16
_ROUNDS, _KEY_WORDS = 14, 8
_POLYNOMIAL = 0xE1 << 120


class BadTag(Exception):
    """The text was changed, or the key is another one."""


def seal(key: bytes, nonce: bytes, plain: bytes) -> bytes:
    """The cipher text with its tag."""
    schedule = _expand(key)
    text = _counter_mode(schedule, nonce, plain)
    return text + _tag(schedule, nonce, text)


def unseal(key: bytes, nonce: bytes, sealed: bytes) -> bytes:
    """The plain text of what seal() made; BadTag otherwise."""
    schedule = _expand(key)
    text, tag = sealed[:-TAG], sealed[-TAG:]
    if len(sealed) < TAG or not hmac.compare_digest(tag, _tag(schedule, nonce, text)):
        raise BadTag("cipher: message authentication failed")
    return _counter_mode(schedule, nonce, text)


def _counter_mode(schedule: list[bytes], nonce: bytes, text: bytes) -> bytes:
    blocks = range(0, len(text), 16)
    stream = b"".join(_block(schedule, nonce + (2 + start // 16).to_bytes(4, "big")) for start in blocks)
    return bytes(left ^ right for left, right in zip(text, stream))


def _tag(schedule: list[bytes], nonce: bytes, text: bytes) -> bytes:
    subkey = int.from_bytes(_block(schedule, bytes(16)), "big")
    found = 0
    for start in range(0, len(text), 16):
        found = _multiply(found ^ int.from_bytes(text[start : start + 16].ljust(16, b"\0"), "big"), subkey)
    found = _multiply(found ^ (len(text) * 8), subkey)
    mask = int.from_bytes(_block(schedule, nonce + b"\0\0\0\1"), "big")
    return (found ^ mask).to_bytes(16, "big")


def _multiply(left: int, right: int) -> int:
    product = 0
    for place in range(127, -1, -1):
        if left >> place & 1:
            product ^= right
        right = right >> 1 ^ (_POLYNOMIAL if right & 1 else 0)
    return product


def _double(value: int) -> int:
    value <<= 1
    return value ^ 0x11B if value & 0x100 else value


def _make_box() -> bytes:
    """The substitution table: inverses in GF(2^8) by powers of 3, then the affine step."""
    power, box = 1, bytearray([0x63] * 256)
    powers = []
    for _exponent in range(255):
        powers.append(power)
        power ^= _double(power)
    for exponent, value in enumerate(powers):
        inverse = powers[-exponent % 255]
        box[value] = 0x63
        for shift in range(5):
            box[value] ^= (inverse << shift | inverse >> 8 - shift) & 0xFF
    return bytes(box)


_BOX = _make_box()


def _expand(key: bytes) -> list[bytes]:
    if len(key) != 4 * _KEY_WORDS:
        raise ValueError("AES-256 has keys of 32 bytes")
    words = [key[start : start + 4] for start in range(0, len(key), 4)]
    constant = 1
    for place in range(_KEY_WORDS, 4 * (_ROUNDS + 1)):
        word = words[-1]
        if place % _KEY_WORDS == 0:
            word = (word[1:] + word[:1]).translate(_BOX)
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _double(constant)
        elif place % _KEY_WORDS == 4:
            word = word.translate(_BOX)
        words.append(_xor(words[-_KEY_WORDS], word))
    return [b"".join(words[start : start + 4]) for start in range(0, len(words), 4)]


def _block(schedule: list[bytes], block: bytes) -> bytes:
    state = _xor(block, schedule[0])
    for number, key in enumerate(schedule[1:], 1):
        state = state.translate(_BOX)
        state = bytes(state[place * 5 % 16] for place in range(16))
        if number < _ROUNDS:
            state = b"".join(_mixed(state[start : start + 4]) for start in range(0, 16, 4))
        state = _xor(state, key)
    return state


def _mixed(column: bytes) -> bytes:
    every = column[0] ^ column[1] ^ column[2] ^ column[3]
    return bytes(column[i] ^ every ^ _double(column[i] ^ column[(i + 1) % 4]) for i in range(4))


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(left, right))
