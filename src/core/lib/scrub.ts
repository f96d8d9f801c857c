/** Takes secrets out of text that is to be shown to others. Pure. */

/** A piece of a secret that is this long may help whoever looks for the rest of it, characters. */
export const pieceLength = 8;
const mark = '[removed]';

/**
 * What looks like a secret whoever made it: tokens, root keys in files, the invites in relay URLs, the credentials of TURN and of
 * proxies, the key in an address of `evio web`, tokens of Kubernetes (JWT, RFC 7519), what an HTTP header proves.
 */
const patterns: readonly [RegExp, string][] = [
  [/evio(?:root)?1[A-Za-z0-9_-]{8,}/g, mark],
  [/(#[A-Za-z0-9_-]{43})\.[A-Za-z0-9_-]+/g, `$1.${mark}`],
  [/\b(turns?:)[^\s"'@]+@/g, `$1${mark}@`],
  [/\b([a-z][a-z0-9+.-]{0,15}:\/\/)[^\s"'@/]+@/g, `$1${mark}@`],
  [/\b(https?:\/\/[^\s"'#]{1,300}#)[A-Za-z0-9_-]{32}(?![A-Za-z0-9_-])/g, `$1${mark}`],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?/g, mark],
  [/\b(Bearer|Basic) [A-Za-z0-9+/=._~-]{8,}/g, `$1 ${mark}`],
];

export class Scrubber {
  readonly #pieces = new Set<string>();

  /** @param secrets what must not be in any text, nor a piece of it of `pieceLength`; shorter ones are passed over */
  constructor(secrets: Iterable<string>) {
    for (const secret of secrets)
      for (let at = 0; at + pieceLength <= secret.length; at++)
        this.#pieces.add(secret.slice(at, at + pieceLength));
  }

  scrub(text: string): string {
    const known = patterns.reduce((left, [pattern, put]) => left.replace(pattern, put), text);
    const out: string[] = [];
    let kept = 0;
    for (let at = 0; at + pieceLength <= known.length; at++) {
      if (!this.#pieces.has(known.slice(at, at + pieceLength))) continue;
      out.push(known.slice(kept, at), mark);
      let end = at + pieceLength;
      for (let next = at + 1; next < end && next + pieceLength <= known.length; next++)
        if (this.#pieces.has(known.slice(next, next + pieceLength))) end = next + pieceLength;
      kept = end;
      at = end - 1;
    }
    return out.length === 0 ? known : out.join('') + known.slice(kept);
  }
}
