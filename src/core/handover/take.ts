/** The side of the process that comes (give.ts has the picture). */
import { z } from 'zod';
import type { Logger } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';
import { closeOnExec } from '../native/on-exec.js';
import { packed } from '../native/packed.js';
import { become } from '../native/exec.js';
import { streamOf } from '../native/socket-pair.js';
import { Channel, type Received } from './channel.js';
import { handoverVariable } from './variable.js';

const waitMs = 60_000;

const heritage = z.looseObject({
  from: z.string(),
  things: z.array(z.object({ id: z.string(), first: z.number().int(), facts: z.unknown() })),
});

/** What the process before left of one thing. */
export interface Thing {
  readonly id: string;
  /** Number of the first of its descriptors here; the others follow. */
  readonly first: number;
  readonly facts: unknown;
}

export class Taker {
  readonly #channel: Channel;
  readonly #log: Logger;
  readonly #things: Map<string, Thing>;

  private constructor(channel: Channel, log: Logger, things: readonly Thing[]) {
    this.#channel = channel;
    this.#log = log;
    this.#things = new Map(things.map((thing) => [thing.id, thing]));
  }

  /** Undefined: this process is nobody's successor. One that finds nothing to take ends. */
  static async open(version: string, log: Logger): Promise<Taker | undefined> {
    const fd = Number(process.env[handoverVariable]);
    Reflect.deleteProperty(process.env, handoverVariable);
    if (!Number.isInteger(fd) || fd < 3) return undefined;
    closeOnExec(fd);
    const channel = new Channel(streamOf(fd));
    const { message } = await channel.expect(['heritage'], waitMs).catch(anewOrEnd(channel, log));
    const parsed = heritage.safeParse(message);
    if (!parsed.success) return end(log, 'the process before speaks another language');
    void channel.send('hello', { version });
    return new Taker(channel, log, parsed.data.things);
  }

  /** Something that was left, once. */
  claim(id: string): Thing | undefined {
    const thing = this.#things.get(id);
    this.#things.delete(id);
    return thing;
  }

  /** All is loaded: the process before comes to rest, and leaves what it knows. Ends this process where it does not. */
  take(id: string): Promise<Received> {
    void this.#channel.send('ready', { id });
    return this.#channel.expect(['state'], waitMs).catch(anewOrEnd(this.#channel, this.#log));
  }

  /**
   * Resolves when the process before has let go, for good, to what it said then; undefined: it is gone without a word. Ends this
   * process where it has not.
   */
  async commit(id: string, leftOut: readonly string[]): Promise<Received | undefined> {
    void this.#channel.send('adopted', { id, leftOut });
    let received: Received;
    try {
      received = await this.#channel.expect(['commit', 'abandoned'], waitMs);
    } catch (thrown) {
      // It rests, and says so before it ends the talk in order to go on: if it is gone without a word, it will not.
      if (this.#channel.gone) return undefined;
      return end(this.#log, messageOf(thrown));
    }
    if (received.message.type !== 'commit') end(this.#log, 'the process before goes on');
    return received;
  }

  took(id: string): void {
    void this.#channel.send('took', { id });
  }

  /** Everything is taken. */
  done(): void {
    void this.#channel.send('done');
  }

  /** The process before may end. */
  async settled(): Promise<void> {
    await this.#channel.send('settled');
    this.#channel.letGo();
  }

  /** It cannot go on: the process before does. */
  async fail(reason: string): Promise<never> {
    await this.#channel.send('failed', { reason });
    return end(this.#log, reason);
  }
}

/** As a process that is nobody's successor. What was inherited is closed, so that its names and ports are free. */
function beginAnew(log: Logger): void {
  log.warn('the process before is gone and left nothing: this one begins anew');
  const [, file = '', ...words] = process.argv;
  const own = packed ? words : [...process.execArgv, file, ...words];
  const thrown = become([process.execPath, ...own], process.env);
  log.error(thrown.message);
}

/** Where the process before was killed and has given nothing yet, be it a word, somebody has to do its work. */
function anewOrEnd(channel: Channel, log: Logger): (thrown: unknown) => never {
  return (thrown) => {
    if (channel.gone) beginAnew(log);
    return end(log, messageOf(thrown));
  };
}

/** Whatever was opened here is the other process's too, so nothing is closed in order. */
function end(log: Logger, reason: string): never {
  log.error('nothing was taken over', { reason });
  process.exit(1);
}
