/**
 * State as evio 0.1 before this form kept it, read once and then replaced: state.json (everything, rewritten at each
 * change) and receipts.log (uses counted since).
 */
import { z } from 'zod';
import { parseJson } from '../core/lib/json.js';
import type { StateLine } from './state-lines.js';

export const filesBefore = ['state.json', 'receipts.log'] as const;

const stateFile = z.object({
  version: z.literal(1),
  networks: z.array(
    z.object({
      id: z.string(),
      members: z.array(z.object({ credential: z.string(), lastSeen: z.number() })),
      invites: z.array(
        z.object({ key: z.string(), notAfter: z.number(), nodes: z.record(z.string(), z.number()) }),
      ),
    }),
  ),
});
const receipt = z.object({
  network: z.string(),
  invite: z.string(),
  notAfter: z.number(),
  node: z.string(),
  time: z.number(),
});

/** The lines that state.json means; undefined when it cannot be read. */
export function linesOfStateFile(text: string, dateMs: number): StateLine[] | undefined {
  const parsed = stateFile.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  const lines: StateLine[] = [{ kind: 'claimed' }];
  for (const { id: network, members, invites } of parsed.data.networks) {
    lines.push({ kind: 'admit', network, name: '', by: 'before', at: dateMs });
    for (const member of members) lines.push({ kind: 'member', network, ...member });
    for (const { key: invite, notAfter, nodes } of invites) {
      for (const [node, time] of Object.entries(nodes)) {
        lines.push({ kind: 'use', network, invite, notAfter, node, time });
      }
    }
  }
  return lines;
}

/** The lines that receipts.log means. One cut by a power failure was never answered with a receipt. */
export function linesOfReceipts(text: string): StateLine[] {
  return text.split('\n').flatMap((line): StateLine[] => {
    const parsed = receipt.safeParse(parseJson(line));
    return parsed.success ? [{ kind: 'use', ...parsed.data }] : [];
  });
}
