/** The side of the process that comes (give.ts has the picture). */
import { z } from 'zod';
import type { Logger } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';
import { closeOnExec } from '../native/on-exec.js';
import { streamOf } from '../native/socket-pair.js';
import { beginAnew } from './anew.js';
import { Channel, type Received } from './channel.js';
import { hurry } from './hurry.js';
import { firstFd } from './start.js';
import { Left, type Taker, type Thing } from './taker.js';
import { handoverVariable } from './variable.js';

const waitMs = 60_000;

const heritage = z.looseObject({
  from: z.string(),
  things: z.array(z.object({ id: z.string(), first: z.number().int(), facts: z.unknown() })),
});

/** Of a process that lives. */
export class LiveTaker implements Taker {
  readonly beforeLives = true;
  readonly kept = [];
  readonly left: Left;
  readonly #channel: Channel;
  readonly #log: Logger;
  #calm: () => void = () => undefined;

  private constructor(channel: Channel, log: Logger, things: readonly Thing[]) {
    this.#channel = channel;
    this.#log = log;
    this.left = new Left(things);
  }

  /** Undefined: this process is nobody's successor. One that finds nothing to take ends. */
  static async open(version: string, log: Logger): Promise<LiveTaker | undefined> {
    const fd = Number(process.env[handoverVariable]);
    Reflect.deleteProperty(process.env, handoverVariable);
    if (!Number.isInteger(fd) || fd < 3) return undefined;
    closeOnExec(fd);
    const channel = new Channel(streamOf(fd));
    const { message } = await channel.expect(['heritage'], waitMs).catch(anewOrEnd(channel, log));
    const parsed = heritage.safeParse(message);
    if (!parsed.success) return end(log, 'the process before speaks another language');
    void channel.send('hello', { version });
    return new LiveTaker(channel, log, parsed.data.things.map(thingOf));
  }

  take(id: string): Promise<Received> {
    this.#calm = hurry();
    void this.#channel.send('ready', { id });
    return this.#channel.expect(['state'], waitMs).catch((thrown: unknown) => {
      this.#calm();
      return anewOrEnd(this.#channel, this.#log)(thrown);
    });
  }

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
    this.#calm();
  }

  done(): void {
    void this.#channel.send('done');
  }

  async settled(): Promise<void> {
    await this.#channel.send('settled');
    this.#channel.letGo();
  }

  async fail(reason: string): Promise<never> {
    await this.#channel.send('failed', { reason });
    return end(this.#log, reason);
  }
}

/** The first of its descriptors has a number, and the others follow. */
function thingOf({ id, first, facts }: { id: string; first: number; facts?: unknown }): Thing {
  return { id, descriptor: (place) => (first < firstFd ? -1 : first + place), facts, close: () => undefined };
}

/** Where the process before was killed and has given nothing yet, be it a word, somebody has to do its work. */
function anewOrEnd(channel: Channel, log: Logger): (thrown: unknown) => never {
  return (thrown) => {
    if (channel.gone) beginAnew('the process before is gone and left nothing', log);
    return end(log, messageOf(thrown));
  };
}

/** Whatever was opened here is the other process's too, so nothing is closed in order. */
function end(log: Logger, reason: string): never {
  log.error('nothing was taken over', { reason });
  process.exit(1);
}
