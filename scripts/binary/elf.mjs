/** The little of ELF (elf(5), 64 bits, little-endian) that the build needs. */

const at = {
  programHeaders: 32,
  sectionHeaders: 40,
  programHeaderSize: 54,
  programHeaderCount: 56,
  sectionHeaderSize: 58,
};
const segment = { type: 0, offset: 8, address: 16, fileSize: 32, loaded: 1, dynamic: 2 };
/** Entries of the dynamic section: a tag, and a value. */
const entry = { size: 16, debug: 21n, strings: 5n, runPath: 29n };

/** The program's segments. */
function segmentsOf(program) {
  const first = Number(program.readBigUInt64LE(at.programHeaders));
  const size = program.readUInt16LE(at.programHeaderSize);
  return Array.from({ length: program.readUInt16LE(at.programHeaderCount) }, (_, i) => {
    const header = first + i * size;
    const number = (field) => Number(program.readBigUInt64LE(header + field));
    return {
      type: program.readUInt32LE(header + segment.type),
      offset: number(segment.offset),
      address: number(segment.address),
      end: number(segment.offset) + number(segment.fileSize),
    };
  });
}

/** A program without its sections: 32 MB of symbols for debuggers, which follow the segments that are loaded. */
export function withoutSections(program) {
  if (program.readUInt32BE(0) !== 0x7f454c46 || program[4] !== 2 || program[5] !== 1)
    throw new Error('not a program of 64 bits, little-endian');
  const end = Math.max(...segmentsOf(program).map((each) => each.end));
  const cut = Buffer.from(program.subarray(0, end));
  cut.writeBigUInt64LE(0n, at.sectionHeaders);
  cut.fill(0, at.sectionHeaderSize, at.sectionHeaderSize + 6);
  return cut;
}

/**
 * A program whose libraries are looked for in `folder` first (DT_RUNPATH). The name must be in the program already, followed
 * by a zero, in a segment that is loaded. It takes the entry by which debuggers find libraries (DT_DEBUG).
 */
export function withRunPath(program, folder) {
  const segments = segmentsOf(program);
  const name = Buffer.from(`${folder}\0`);
  const place = segments
    .filter(({ type }) => type === segment.loaded)
    .flatMap(({ offset, address, end }) => {
      const found = program.subarray(offset, end).indexOf(name);
      return found < 0 ? [] : [address + found];
    })[0];
  const { offset, end } = segments.find(({ type }) => type === segment.dynamic);
  const entries = new Map();
  for (let each = offset; each < end; each += entry.size) entries.set(program.readBigUInt64LE(each), each);
  const [strings, spare] = [entries.get(entry.strings), entries.get(entry.debug)];
  if (place === undefined || strings === undefined || spare === undefined || entries.has(entry.runPath))
    throw new Error('no place for the folder of libraries in this program');
  const changed = Buffer.from(program);
  changed.writeBigUInt64LE(entry.runPath, spare);
  changed.writeBigUInt64LE(BigInt(place) - changed.readBigUInt64LE(strings + 8), spare + 8);
  return changed;
}
