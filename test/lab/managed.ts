/** Nodes and relays under a service manager that keeps descriptors from one process to the next. */
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { RigNode } from '../../src/lab/rig.js';

const manager = fileURLToPath(new URL('../support/service-manager.mjs', import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  readonly store: readonly string[];
}

/** What runs there is run by a service manager from now on. */
export async function managed(node: RigNode, launch: () => unknown): Promise<void> {
  await node.stop();
  const { program } = node;
  node.program = manager;
  await launch();
  node.program = program;
}

/** Has the manager start it again; resolves to how it ended, once `begun` is said of the next. */
export async function restart(node: RigNode, begun: RegExp): Promise<Ended> {
  const running = node.process;
  if (!running) throw new Error('nothing runs');
  const seen = running.stdout.length;
  const find = (pattern: RegExp): string | undefined =>
    running.stdout.slice(seen).find((line) => pattern.test(line));
  process.kill(running.pid, 'SIGHUP');
  await expect.poll(() => find(begun), { timeout: 20_000, interval: 20 }).toBeDefined();
  return JSON.parse(find(/"manager"/) ?? '{}') as Ended;
}

/** What a node says once it is there. */
export const nodeBegun = /"event":\s*"started"/;
/** How a process ends that has left everything. */
export const rests = { status: 7, signal: null };
