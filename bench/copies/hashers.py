"""Run by the Python that has the peers, never by ours: python hashers.py TOOL FOLDER PATHS.json OUT.json.

Writes, for each threshold of the tool, the groups (a number for each path, pairs closed transitively) and the CPU seconds
of this process and its children from the first file to the last group; imports are not counted. Files are decoded as the
tool's own users do, at full size; EXIF orientation is left to the tool.
"""

import json
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np


def main(tool: str, folder: str, paths: list[str]) -> list[dict[str, object]]:
    hashes, pairs, thresholds = TOOLS[tool]()
    start = _seconds()
    found = hashes(folder, paths)
    hashing = _seconds() - start
    results = []
    for threshold in thresholds:
        start = _seconds()
        groups = _closed(len(paths), pairs(found, paths, threshold))
        results.append({"threshold": threshold, "seconds": hashing + _seconds() - start, "groups": dict(zip(paths, groups, strict=True))})
    return results


def _imagehash():
    import imagehash
    from PIL import Image

    def hashes(folder, paths):
        bits = [imagehash.phash(Image.open(Path(folder, path))).hash.ravel() for path in paths]
        return np.packbits(np.stack(bits), axis=1).view(np.uint64)

    return hashes, _near, (0, 4, 10)


def _pdqhash():
    import pdqhash
    from PIL import Image

    def hashes(folder, paths):
        bits = []
        for path in paths:
            picture = Image.open(Path(folder, path))
            if picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info:  # it takes RGB only: white, as a page shows it
                picture = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
            bits.append(pdqhash.compute(np.array(picture.convert("RGB")))[0])
        return np.packbits(np.stack(bits), axis=1).view(np.uint64)

    return hashes, _near, (31,)


def _imagededup():
    from imagededup.methods import PHash

    tool = PHash(verbose=False)

    def hashes(folder, paths):
        with tempfile.TemporaryDirectory() as chosen:
            for path in paths:
                Path(chosen, path).symlink_to(Path(folder, path).resolve())
            return tool.encode_images(image_dir=chosen)

    def pairs(found, paths, threshold):
        place = {path: number for number, path in enumerate(paths)}
        near = tool.find_duplicates(encoding_map=found, max_distance_threshold=threshold)
        return [(place[path], place[other]) for path, others in near.items() for other in others]

    return hashes, pairs, (10,)


TOOLS = {"imagehash": _imagehash, "pdqhash": _pdqhash, "imagededup": _imagededup}


def _near(codes, paths, threshold):
    """All pairs at most `threshold` bits apart, codes (N, words) uint64."""
    pairs = []
    for start in range(0, len(codes), 256):
        apart = np.zeros((min(256, len(codes) - start), len(codes)), np.uint16)
        for word in range(codes.shape[1]):
            apart += np.bitwise_count(codes[start : start + 256, None, word] ^ codes[None, :, word])
        rows, columns = np.nonzero(apart <= threshold)
        pairs += [(int(row) + start, int(column)) for row, column in zip(rows, columns, strict=True) if column > row + start]
    return pairs


def _closed(count, pairs):
    """The lowest number that each is joined to, over any number of pairs."""
    home = list(range(count))

    def find(number):
        while home[number] != number:
            home[number] = number = home[home[number]]
        return number

    for one, other in pairs:
        one, other = sorted((find(one), find(other)))
        home[other] = one
    return [find(number) for number in range(count)]


def _seconds():
    used = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    tool, folder, listed, out = sys.argv[1:]
    Path(out).write_text(json.dumps(main(tool, folder, json.loads(Path(listed).read_text()))))
