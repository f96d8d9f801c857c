/** Archives as ustar has them (POSIX.1-1988, pax(1)), out of memory and equal to the last byte when made again. */

const block = 512;

/**
 * The date of everything: SOURCE_DATE_EPOCH, or the one of the packages (scripts/binary/deb.mjs). Seconds since 1970.
 */
export const date = Number(process.env.SOURCE_DATE_EPOCH ?? 1767225600);

const octal = (value, width) => `${value.toString(8).padStart(width - 1, '0')}\0`;

function header(path, { type, mode, size, owner, target }) {
  if (Buffer.byteLength(path) > 100 || Buffer.byteLength(target) > 100)
    throw new Error(`${path}: the name is too long for this archive`);
  const bytes = Buffer.alloc(block);
  bytes.write(path, 0);
  bytes.write(octal(mode, 8), 100);
  bytes.write(octal(owner, 8), 108);
  bytes.write(octal(owner, 8), 116);
  bytes.write(octal(size, 12), 124);
  bytes.write(octal(date, 12), 136);
  bytes.write('        ', 148);
  bytes.write(type, 156);
  bytes.write(target, 157);
  bytes.write('ustar\x0000', 257);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${octal(sum, 7)} `, 148);
  return bytes;
}

/**
 * The archive of `files`, by name: `{ content, mode?, owner? }`, `{ link }` for a symbolic link, or `{ folder: true, mode?,
 * owner? }`. Folders that are named only as a part of a path come with it, as root's. Names are relative, in any order.
 */
export function archive(files) {
  const all = new Map(Object.entries(files));
  for (const path of Object.keys(files))
    for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
      const parent = path.slice(0, at);
      if (!all.has(parent)) all.set(parent, { folder: true });
    }
  // By bytes, not by the language of the machine: a folder precedes what is in it.
  const sorted = [...all].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const parts = sorted.flatMap(([path, { content, link, folder, mode, owner = 0 }]) => {
    if (folder) return [header(`${path}/`, { type: '5', mode: mode ?? 0o755, size: 0, owner, target: '' })];
    if (link !== undefined) return [header(path, { type: '2', mode: 0o777, size: 0, owner, target: link })];
    const bytes = Buffer.from(content);
    const head = header(path, { type: '0', mode: mode ?? 0o644, size: bytes.length, owner, target: '' });
    return [head, bytes, Buffer.alloc(-bytes.length & (block - 1))];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}
