/** Time, randomness and talk arrive as arguments, so that the same machines run under a virtual clock. */

/** Milliseconds. `now` never goes back and says nothing about the date; `date` is the calendar. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary start. */
  now(): number;
  /** Milliseconds since 1970-01-01T00:00:00Z, as the machine believes. */
  date(): number;
  /** Calls `fire` once after `ms`; returns a function that cancels it and is harmless afterwards. */
  after(ms: number, fire: () => void): () => void;
}

/** Fills with random bytes and returns its argument. Cryptographic in production, seeded in the simulator. */
export interface Random {
  fill(bytes: Uint8Array): Uint8Array;
  /** Uniform in [0, 1). */
  unit(): number;
}

/** Constant text, facts as fields; names of fields are listed in docs/architecture.md. Never keys. */
export interface Logger {
  error(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  debug(message: string, fields?: Record<string, unknown>): void;
  trace(message: string, fields?: Record<string, unknown>): void;
}

export interface Env {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A log whose lines have the fields that are told then, unless they say otherwise. */
export function withFields(log: Logger, common: () => Readonly<Record<string, unknown>>): Logger {
  return {
    error: (message, fields) => {
      log.error(message, { ...common(), ...fields });
    },
    warn: (message, fields) => {
      log.warn(message, { ...common(), ...fields });
    },
    info: (message, fields) => {
      log.info(message, { ...common(), ...fields });
    },
    debug: (message, fields) => {
      log.debug(message, { ...common(), ...fields });
    },
    trace: (message, fields) => {
      log.trace(message, { ...common(), ...fields });
    },
  };
}

export const silentLogger: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  trace: () => undefined,
};

/** The machine's clock. Timers do not hold the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  after(ms, fire) {
    const timer = setTimeout(fire, ms);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/** The machine's random generator (Web Crypto, a CSPRNG). */
export const systemRandom: Random = {
  fill(bytes) {
    for (let at = 0; at < bytes.length; at += 65_536) {
      crypto.getRandomValues(bytes.subarray(at, Math.min(at + 65_536, bytes.length)));
    }
    return bytes;
  },
  unit() {
    const word = crypto.getRandomValues(new Uint32Array(1));
    return (word[0] as number) / 0x1_0000_0000;
  },
};
