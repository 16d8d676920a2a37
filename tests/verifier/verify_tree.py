#!/usr/bin/env python3
"""A second verifier of Noroshi's trees and proofs, written from the texts and not from the program.

It needs Python's standard library alone. The texts: RFC 6962 section 2.1 (hashes), RFC 9162 section 2.1.3.2 and 2.1.4.2
(checking proofs), RFC 8032 section 5.1.7 (Ed25519), and of c2sp.org signed-note, tlog-checkpoint, tlog-cosignature,
tlog-tiles and tlog-proof.

  verify_tree.py tree DIRECTORY KEY [CHECKPOINT...]   every entry and tile of a directory against its signed checkpoint,
                                                      and against checkpoints of it that were kept elsewhere
  verify_tree.py proof FILE KEY [WITNESS...]          a proof against the key of the tree; every witness must have cosigned

Exit status: 0 verified, 1 not what was signed, 2 it cannot be told.
"""

import base64
import hashlib
import json
import os
import struct
import sys


class Tampered(Exception):
    """The content is not what was signed."""


def sha256(data):
    return hashlib.sha256(data).digest()


# Ed25519: the curve of RFC 8032 section 5.1, points as (X, Y, Z, T).
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(n, p):
    total = NEUTRAL
    while n:
        if n & 1:
            total = add(total, p)
        p = add(p, p)
        n >>= 1
    return total


def same_point(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = decompress(bytes([0x58] + [0x66] * 31))


def ed25519_verifies(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r = decompress(public), decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return same_point(times(s, BASE), add(r, times(k, a)))


def unbase64(text):
    data = base64.b64decode(text.encode(), validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 of another spelling")
    return data


def decimal(text):
    if not (text.isascii() and text.isdigit()) or (text[0] == "0" and text != "0"):
        raise ValueError("not a plain decimal: %r" % text)
    return int(text)


def read_key(text):
    name, key_id, data = text.split("+", 2)
    data = unbase64(data)
    if data[0] not in (1, 4) or len(data) != 33:
        raise ValueError("neither an Ed25519 nor a cosigning key")
    if sha256(name.encode() + b"\n" + data)[:4].hex() != key_id:
        raise ValueError("the id is not that of the key")
    return name, bytes.fromhex(key_id), data[0], data[1:]


def open_note(data, key):
    """The text of a note that `key` signed."""
    whole = data.decode("utf-8")
    if any(c < " " and c != "\n" for c in whole):
        raise Tampered("the note has a control character")
    at = whole.rfind("\n\n")
    if at < 0 or not whole.endswith("\n") or at + 2 >= len(whole):
        raise Tampered("no signed note")
    text, lines = whole[: at + 1], whole[at + 2 : -1].split("\n")
    name, key_id, kind, public = key
    found = False
    for line in lines:
        dash, signer, signature = line.split(" ")
        signature = unbase64(signature)
        if dash != "\u2014" or len(signature) < 5:
            raise Tampered("a line is no signature")
        if (signer, signature[:4]) != (name, key_id):
            continue
        message, signature = text.encode(), signature[4:]
        if kind == 4:
            time = struct.unpack(">Q", signature[:8])[0]
            message, signature = b"cosignature/v1\ntime %d\n" % time + message, signature[8:]
        if not ed25519_verifies(public, message, signature):
            raise Tampered("the signature of %s is not over this text" % name)
        found = True
    if not found:
        raise Tampered("not signed by %s" % name)
    return text


def read_checkpoint(text):
    lines = text.split("\n")
    if lines.pop() != "" or len(lines) < 3 or "" in lines:
        raise Tampered("no checkpoint")
    root = unbase64(lines[2])
    if len(root) != 32:
        raise Tampered("the root is not 32 bytes")
    return lines[0], decimal(lines[1]), root


def signed_checkpoint(data, key):
    origin, size, root = read_checkpoint(open_note(data, key))
    if origin != key[0]:
        raise Tampered("the checkpoint is of %s" % origin)
    return size, root


def leaf_hash(entry):
    return sha256(b"\x00" + entry)


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


def root_of(hashes):
    """RFC 6962's definition, level by level: a node without a sibling goes up as it is."""
    if not hashes:
        return sha256(b"")
    while len(hashes) > 1:
        pairs = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes) - 1, 2)]
        hashes = pairs + hashes[len(pairs) * 2 :]
    return hashes[0]


def index_path(index):
    parts = ["%03d" % (index % 1000)]
    while index >= 1000:
        index //= 1000
        parts.insert(0, "x%03d" % (index % 1000))
    return "/".join(parts)


def read_part(directory, kind, index, width):
    """A tile or bundle: under its own width, or the beginning of the full one that it has become."""
    full = os.path.join(directory, "tile", kind, index_path(index))
    names = [full] if width == 256 else ["%s.p/%d" % (full, width), full]
    for name in names:
        if os.path.isfile(name):
            with open(name, "rb") as file:
                return name, file.read(), 256 if name == full else width
    raise Tampered("%s is missing" % names[0])


def read_bundle(directory, index, width):
    name, data, whole = read_part(directory, "entries", index, width)
    entries, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        entry = data[at + 2 : at + 2 + length]
        if at + 2 + length > len(data):
            raise Tampered("%s is cut at byte %d" % (name, at))
        entries.append(entry)
        at += 2 + length
    if len(entries) != whole:
        raise Tampered("%s has %d entries and not %d" % (name, len(entries), whole))
    return entries[:width]


def verify_tree(directory, key, known):
    with open(os.path.join(directory, "checkpoint"), "rb") as file:
        size, root = signed_checkpoint(file.read(), key)
    hashes = []
    for index in range((size + 255) // 256):
        for entry in read_bundle(directory, index, min(256, size - index * 256)):
            hashes.append(leaf_hash(entry))
    level, nodes = 0, hashes
    while nodes:
        # Every tile of the level must be the nodes that the entries give.
        for index in range((len(nodes) + 255) // 256):
            expected = b"".join(nodes[index * 256 : index * 256 + 256])
            name, data, whole = read_part(directory, str(level), index, len(expected) // 32)
            if len(data) != whole * 32 or data[: len(expected)] != expected:
                raise Tampered("%s is not what the entries give" % name)
        nodes = [root_of(nodes[i : i + 256]) for i in range(0, len(nodes) - 255, 256)]
        level += 1
    if root_of(hashes) != root:
        raise Tampered("the entries do not give the signed root")
    for path in known:
        with open(path, "rb") as file:
            known_size, known_root = signed_checkpoint(file.read(), key)
        if known_size > size:
            raise Tampered("%s is later: the tree was put back" % path)
        if root_of(hashes[:known_size]) != known_root:
            raise Tampered("%s is of another history" % path)
    return size, root


def verify_inclusion(leaf, index, size, path, root):
    if index >= size:
        return False
    node, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            value = node_hash(sibling, value)
            while node & 1 == 0 and node:
                node, last = node >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and value == root


def verify_proof(data, key, witnesses):
    record, leaf, tlog, note = data.decode("utf-8").split("\n\n", 3)
    record, leaf, tlog = record.split("\n"), leaf + "\n", tlog.split("\n")
    if record[0] != "noroshi/proof/v1" or tlog[0] != "c2sp.org/tlog-proof@v1" or not tlog[1].startswith("index "):
        raise Tampered("no proof")
    size, root = signed_checkpoint(note.encode(), key)
    path = [unbase64(line) for line in tlog[2:]]
    if not verify_inclusion(leaf_hash(leaf.encode()), decimal(tlog[1][6:]), size, path, root):
        raise Tampered("the entry is not in the tree")
    for witness in witnesses:
        open_note(note.encode(), witness)
    if len(record) == 1:
        return leaf
    values = [line.split(" ", 1)[1] for line in record[1:5]]
    if [line.split(" ", 1)[0] for line in record[1:5]] != ["input", "sequence", "received_ns", "raw"]:
        raise Tampered("no record")
    name, raw = json.loads(values[0]).encode(), unbase64(values[3])
    sequence, received = decimal(values[1]), int(values[2])
    entry = b"noroshi/record/v1\n" + struct.pack(">I", len(name)) + name
    entry += struct.pack(">QqQ", sequence, received, len(raw)) + raw
    batch = leaf.split("\n")
    if batch[0] != "noroshi/batch/v1":
        raise Tampered("the entry is no batch")
    first, records = (decimal(line.split(" ")[1]) for line in batch[1:3])
    path = [unbase64(line) for line in record[5:]]
    place = sequence - first
    if place < 0 or not verify_inclusion(leaf_hash(entry), place, records, path, unbase64(batch[3].split(" ")[1])):
        raise Tampered("the record is not in the batch")
    return raw.decode("utf-8", "replace")


def main(arguments):
    if len(arguments) < 3 or arguments[0] not in ("tree", "proof"):
        print(__doc__)
        return 2
    what, path = arguments[:2]
    try:
        key = read_key(arguments[2])
        witnesses = [read_key(text) for text in arguments[3:]] if what == "proof" else []
    except (ValueError, IndexError) as error:
        print("not a verifier key: %s" % error)
        return 2
    try:
        if what == "tree":
            size, root = verify_tree(path, key, arguments[3:])
            print("verified: %d entries, root %s" % (size, base64.b64encode(root).decode()))
        else:
            with open(path, "rb") as file:
                print("verified: %r" % verify_proof(file.read(), key, witnesses))
    except OSError as error:
        print("cannot tell: %s" % error)
        return 2
    except (Tampered, ValueError, IndexError, struct.error) as error:
        # A text that no specification allows was not written by the program either.
        print("tampered: %s" % error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
