/** Flows of numbered datagrams, and what became of them while something happened. */
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { sleep, type LabProcess } from '../../src/lab/exec.js';
import type { LabHost } from '../../src/lab/site.js';
import type { TestNode } from './support.js';

const paced = fileURLToPath(new URL('paced.mjs', import.meta.url));

async function end<T>(running: LabProcess): Promise<T> {
  await running.stop(15_000);
  return JSON.parse(running.stdout.at(-1) ?? '{}') as T;
}

/** A flow of numbered datagrams from one machine to an address of another. */
export async function flowTo(
  from: Pick<LabHost, 'launch'>,
  to: Pick<LabHost, 'launch'>,
  address: string,
  port: number,
  ...words: readonly 'broadcast'[]
) {
  const receiver = to.launch([process.execPath, paced, 'receive', `${port}`]);
  await receiver.line(/listening/, 5_000);
  const sender = from.launch([process.execPath, paced, 'send', address, `${port}`, ...words]);
  return async () => {
    const { sent } = await end<{ sent: number }>(sender);
    await sleep(300);
    const { received, twice } = await end<{ received: number; twice: number }>(receiver);
    return { sent, lost: sent - received, twice };
  };
}

export type Flow = Awaited<ReturnType<typeof flowTo>>;

/** A flow from one member to another, or to everybody. */
export function flow(from: TestNode, to: TestNode, port: number, broadcast?: string): Promise<Flow> {
  const hosts = [from.site.host, to.site.host] as const;
  return broadcast === undefined
    ? flowTo(...hosts, to.node.ip, port)
    : flowTo(...hosts, broadcast, port, 'broadcast');
}

export interface Outcome {
  readonly sent: number;
  readonly lost: number;
  readonly twice: number;
}

/** What was lost while something happened to the flows. */
export async function during(
  begin: () => Promise<Flow[]>,
  happens: () => Promise<unknown>,
): Promise<Outcome[]> {
  const flows = await begin();
  await happens();
  return Promise.all(flows.map((stop) => stop()));
}

/** Nothing is lost and nothing comes twice; on a machine that loses datagrams by itself, no more than it does. */
export function expectWhole(outcomes: readonly Outcome[], quiet: readonly Outcome[]): void {
  const byItself = Math.max(0, ...quiet.filter(({ sent }) => sent > 0).map(({ lost, sent }) => lost / sent));
  for (const { sent, lost, twice } of outcomes) {
    expect(sent).toBeGreaterThan(500);
    expect(twice).toBe(0);
    expect(lost / sent).toBeLessThanOrEqual(3 * byItself);
  }
}
