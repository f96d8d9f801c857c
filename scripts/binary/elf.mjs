/** The little of ELF (elf(5), 64 bits, little-endian) that the build needs. */

const at = {
  programHeaders: 32,
  sectionHeaders: 40,
  programHeaderSize: 54,
  programHeaderCount: 56,
  sectionHeaderSize: 58,
};
const segment = { offset: 8, fileSize: 32 };

/** A program without its sections: 32 MB of symbols for debuggers, which follow the segments that are loaded. */
export function withoutSections(program) {
  if (program.readUInt32BE(0) !== 0x7f454c46 || program[4] !== 2 || program[5] !== 1)
    throw new Error('not a program of 64 bits, little-endian');
  const first = Number(program.readBigUInt64LE(at.programHeaders));
  let end = 0;
  for (let i = 0; i < program.readUInt16LE(at.programHeaderCount); i++) {
    const header = first + i * program.readUInt16LE(at.programHeaderSize);
    const length =
      program.readBigUInt64LE(header + segment.offset) + program.readBigUInt64LE(header + segment.fileSize);
    end = Math.max(end, Number(length));
  }
  const cut = Buffer.from(program.subarray(0, end));
  cut.writeBigUInt64LE(0n, at.sectionHeaders);
  cut.fill(0, at.sectionHeaderSize, at.sectionHeaderSize + 6);
  return cut;
}
