/**
 * An archive of some texts, as tar reads it (POSIX.1-1988 ustar): for each file a header of 512 bytes, then the content, filled
 * up to 512; two empty blocks end it.
 *
 *   name 100 | mode 8 | uid 8 | gid 8 | size 12 | mtime 12 | checksum 8 | type 1 | link 100 | "ustar\0" "00" | owner … 247
 *
 * Numbers are octal text, the checksum is the sum of the header with blanks in its own place.
 */
const block = 512;

export interface TarFile {
  /** ASCII, at most 99 characters. */
  readonly name: string;
  readonly text: string;
}

/** @param timeS date of the files, s since 1970. Throws RangeError for a name that is too long. */
export function tarOf(files: readonly TarFile[], timeS: number): Buffer {
  const parts: Buffer[] = [];
  for (const { name, text } of files) {
    if (Buffer.byteLength(name) >= 100) throw new RangeError(`too long for an archive: ${name}`);
    const content = Buffer.from(text);
    const header = Buffer.alloc(block);
    const octal = (value: number, at: number, length: number): void => {
      header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
    };
    header.write(name, 0);
    octal(0o600, 100, 8);
    octal(0, 108, 8);
    octal(0, 116, 8);
    octal(content.length, 124, 12);
    octal(Math.floor(timeS), 136, 12);
    header.write('        0', 148, 'latin1');
    header.write('ustar\x0000', 257, 'latin1');
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    parts.push(header, content, Buffer.alloc(-content.length & (block - 1)));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}
