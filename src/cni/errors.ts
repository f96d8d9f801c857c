/** What the plugin answers when it cannot do as it was told: a code of the CNI specification (section 5, "Error"). */

export const Code = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  environment: 4,
  io: 5,
  decode: 6,
  config: 7,
  tryAgain: 11,
  /** Of STATUS: cannot serve ADD. */
  notAvailable: 50,
  /** Of STATUS: cannot serve ADD, and pods that are there may be cut off. */
  limited: 51,
  /** Ours, from 100 on: a program failed. */
  failed: 100,
  /** The attachment, or an interface of its name, is there already. */
  exists: 101,
  /** CHECK found something missing or wrong. */
  broken: 102,
} as const;

/** One of `Code`, or what a delegated plugin gave. */
export class CniError extends Error {
  override readonly name = 'CniError';
  readonly code: number;
  /** What would help, or what a program said. */
  readonly details: string;

  constructor(code: number, message: string, details = '') {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** Any thrown value as an answer. */
export function asCniError(thrown: unknown): CniError {
  if (thrown instanceof CniError) return thrown;
  return new CniError(Code.failed, thrown instanceof Error ? thrown.message : String(thrown));
}
