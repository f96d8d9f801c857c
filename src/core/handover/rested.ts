/**
 * The side of the process that comes after one that has ended (rest.ts has the picture). It takes everything out of the service
 * manager's store, wipes the file there, and only then goes on: should it die, the next one finds nothing, and begins anew.
 */
import { z } from 'zod';
import type { Logger } from '../lib/env.js';
import { EvioError, messageOf } from '../lib/errors.js';
import { monotonicMs } from '../native/clock.js';
import { libc } from '../native/libc.js';
import { takeAll } from '../native/memory-file.js';
import { beginAnew } from './anew.js';
import { message, type Received } from './channel.js';
import { FrameReader } from './frames.js';
import { restNames, restVersion } from './rest.js';
import type { DescriptorStore } from './store.js';
import { Left, type Taker, type Thing } from './taker.js';

/** Who rested for longer was given up by its peers: it begins as after any other pause, ms. */
const longestMs = 30_000;

const heritage = z.looseObject({
  type: z.literal('heritage'),
  rest: z.literal(restVersion),
  from: z.string(),
  started: z.string(),
  atMs: z.number(),
  things: z.array(
    z.object({
      id: z.string(),
      facts: z.unknown(),
      fds: z.array(z.string()),
    }),
  ),
});

/** What was said of one thing. */
interface Said {
  readonly state: Received;
  readonly commit: Received;
}

/** The file as rest.ts writes it, whole. Throws Error for what is none. */
export function readLeft(bytes: Uint8Array): {
  readonly head: z.infer<typeof heritage>;
  readonly said: ReadonlyMap<string, Said>;
} {
  const [first, ...rest] = new FrameReader().push(bytes);
  const head = heritage.parse(first?.head);
  const count = head.things.length;
  const messages = rest.map(({ head: words, blob }): Received => ({ message: message.parse(words), blob }));
  const at = (i: number, type: string, id: string): Received => {
    const found = messages[i];
    if (found?.message.type !== type || found.message.id !== id) throw new Error(`no ${type} of ${id}`);
    return found;
  };
  const said = new Map(
    head.things.map(({ id }, i) => [id, { state: at(i, 'state', id), commit: at(count + i, 'commit', id) }]),
  );
  if (said.size !== count || messages.length !== 2 * count) throw new Error('too much was said');
  return { head, said };
}

export interface Found {
  /** Descriptors by their names (store.ts). */
  readonly descriptors: ReadonlyMap<string, readonly number[]>;
  readonly store: DescriptorStore;
  /** What this process was started with (started.ts). */
  readonly started: string;
  readonly log: Logger;
}

/**
 * Takes out of the store what a process before left there. Undefined: it left nothing, or nothing that this one can go on with; that
 * is gone then.
 */
export function takeRest({ descriptors, store, started, log }: Found): Taker | undefined {
  const own = new Map([...descriptors].filter(([name]) => name.startsWith(restNames.descriptor)));
  if (own.size === 0) return undefined;
  const [file] = own.get(restNames.state) ?? [];
  const bytes = file === undefined ? undefined : takeAll(file);
  for (const name of own.keys()) store.remove(name);
  // What is closed here is closed from now on: names and ports are free.
  store.settle();
  if (file !== undefined) libc().close(file);
  own.delete(restNames.state);
  try {
    if (!bytes) throw new EvioError('EVIO_UPGRADE', 'The process before had not left everything.');
    return begin(bytes, own, started, log);
  } catch (thrown) {
    log.warn('nothing of the process before is taken over', { reason: messageOf(thrown) });
    for (const fd of [...own.values()].flat()) libc().close(fd);
    return undefined;
  } finally {
    bytes?.fill(0);
  }
}

function begin(
  bytes: Uint8Array,
  own: ReadonlyMap<string, readonly number[]>,
  started: string,
  log: Logger,
): RestedTaker {
  const { head, said } = readLeft(bytes);
  const agoMs = monotonicMs() - head.atMs;
  if (head.started !== started)
    throw new EvioError('EVIO_UPGRADE', 'The process before was started with other words.');
  if (!(agoMs >= 0 && agoMs < longestMs)) throw new EvioError('EVIO_UPGRADE', 'It was too long ago.');
  const things = head.things.map(({ id, facts, fds }): Thing => {
    const taken = fds.map((name) => {
      const [fd] = own.get(name) ?? [];
      if (fd === undefined) throw new EvioError('EVIO_UPGRADE', 'A descriptor is missing.');
      return fd;
    });
    const close = (): void => {
      for (const fd of taken) libc().close(fd);
    };
    return { id, facts, descriptor: (place) => taken[place] ?? -1, close };
  });
  const kept = own.get(restNames.kept) ?? [];
  log.info('goes on where the process before ended', { from: head.from, restedMs: Math.round(agoMs) });
  return new RestedTaker(things, said, kept, log);
}

class RestedTaker implements Taker {
  readonly beforeLives = false;
  readonly left: Left;
  readonly #said: ReadonlyMap<string, Said>;
  #kept: readonly number[];
  readonly #log: Logger;

  constructor(
    things: readonly Thing[],
    said: ReadonlyMap<string, Said>,
    kept: readonly number[],
    log: Logger,
  ) {
    this.left = new Left(things);
    this.#said = said;
    this.#kept = kept;
    this.#log = log;
  }

  get kept(): readonly number[] {
    return this.#kept;
  }

  take(id: string): Promise<Received> {
    return Promise.resolve(this.#of(id).state);
  }

  commit(id: string): Promise<Received> {
    return Promise.resolve(this.#of(id).commit);
  }

  #of(id: string): Said {
    const said = this.#said.get(id);
    if (!said) throw new EvioError('EVIO_INTERNAL', `nothing was left of ${id}`);
    return said;
  }

  took(): void {
    // Nobody waits for it.
  }

  /** A network that is not run any more: its interface goes. */
  done(): void {
    this.left.close();
  }

  settled(): Promise<void> {
    for (const fd of this.#kept) libc().close(fd);
    this.#kept = [];
    return Promise.resolve();
  }

  fail(reason: string): Promise<never> {
    beginAnew(reason, this.#log);
    process.exit(1);
  }
}
