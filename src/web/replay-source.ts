/** Pictures from a file (`evio sim --record`, or what `/api/stream` told): shown one after the other, over and over. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { EvioError } from '../core/lib/errors.js';
import { applied } from './change.js';
import type { Change, Picture, WebMessage, WebNetworks, WebWhy } from './model.js';
import type { WebSource } from './source.js';

const number = z.number();
const text = z.string();
const told = z.object({
  by: text,
  refused: z.boolean(),
  of: number,
  links: z.array(
    z.object({
      to: text,
      path: text.nullable(),
      link: text.nullable(),
      rttMs: number.nullable(),
      rate: number,
    }),
  ),
});
const picture = z.object({
  kind: z.literal('picture'),
  at: number,
  network: z.object({ id: text, name: text, cidr: text, mtu: number }),
  self: z
    .object({
      id: text,
      name: text,
      ip: text,
      ip6: text,
      version: text,
      uptimeMs: number,
      nat: text,
      rxBytes: number,
      txBytes: number,
      drops: z.record(text, number),
    })
    .nullable(),
  relays: z.array(
    z.object({ url: text, state: text, transport: text, rttMs: number.nullable(), reason: text.nullable() }),
  ),
  size: number,
  members: z.array(
    z.object({
      id: text,
      name: text,
      ip: text,
      state: z.enum(['connected', 'connecting', 'idle', 'unreachable', 'offline', 'quarantined']),
      path: text.nullable(),
      endpoint: text,
      rttMs: number.nullable(),
      link: text.nullable(),
      rxBytes: number,
      txBytes: number,
      seenAt: number.nullable(),
    }),
  ),
  links: z.array(z.tuple([number, number])).optional(),
  told: z.array(told).optional(),
});
const change = picture
  .pick({ self: true, relays: true, members: true, told: true })
  .partial({ relays: true, members: true })
  .extend({
    kind: z.literal('change'),
    at: number,
    size: number,
    gone: z.array(text).optional(),
    untold: z.array(text).optional(),
  });

/** Between two pictures, ms. */
const stepMs = 1_000;

/** @throws EvioError EVIO_BAD_VALUE when the file holds no pictures, EVIO_STORAGE when it cannot be read */
export function readReplay(file: string): ReplaySource {
  let lines: string[];
  try {
    lines = readFileSync(file, 'utf8').split('\n');
  } catch (thrown) {
    throw new EvioError('EVIO_STORAGE', `${file} cannot be read: ${(thrown as Error).message}`);
  }
  let last: Picture | undefined;
  const pictures = lines.flatMap((line, i): Picture[] => {
    if (line.trim() === '' || line.includes('"kind":"event"') || line.includes('"kind":"gone"')) return [];
    try {
      const read: unknown = JSON.parse(line);
      const found = change.safeParse(read);
      last = found.success && last ? applied(last, found.data as Change) : (picture.parse(read) as Picture);
      return [last];
    } catch {
      throw new EvioError('EVIO_BAD_VALUE', `Line ${i + 1} of ${file} is no picture of a network.`, [
        'Make one with: evio sim --nodes 500 --record FILE',
      ]);
    }
  });
  if (pictures.length === 0)
    throw new EvioError('EVIO_BAD_VALUE', `${file} holds no picture of a network.`, [
      'Make one with: evio sim --nodes 500 --record FILE',
    ]);
  return new ReplaySource(pictures);
}

export class ReplaySource implements WebSource {
  readonly #pictures: readonly Picture[];

  constructor(pictures: readonly Picture[]) {
    this.#pictures = pictures;
  }

  async networks(): Promise<WebNetworks> {
    const [{ network }] = this.#pictures as readonly [Picture];
    return { networks: [{ id: network.id, name: network.name }] };
  }

  async why(): Promise<WebWhy> {
    return { candidates: [], log: [], advice: ['This is a recording: nobody can be asked.'] };
  }

  async stream(
    _network: string | undefined,
    tell: (message: WebMessage) => void,
    signal: AbortSignal,
  ): Promise<void> {
    for (let i = 0; !signal.aborted; i = (i + 1) % this.#pictures.length) {
      tell(this.#pictures[i] as Picture);
      await sleep(stepMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
