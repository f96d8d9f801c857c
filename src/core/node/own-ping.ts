/** A person pings the machine that answers: there is no path to try, and nothing to wait for. */
import { EvioError } from '../lib/errors.js';
import { domainOf } from '../names/zone.js';
import { pingReport, type PingReport } from './ping-report.js';
import type { Run } from './run.js';
import { isSelf, withoutDomain } from './unknown-peer.js';

/** Pings by what a person calls a member. @throws EvioError EVIO_UNKNOWN_PEER */
export async function pingNamed(
  { reporter, pinger }: Pick<Run, 'reporter' | 'pinger'>,
  text: string,
  plan: { readonly count: number; readonly timeoutMs: number; readonly intervalMs: number },
  signal?: AbortSignal,
): Promise<PingReport> {
  try {
    return await pinger.run(await reporter.find(text), plan, signal);
  } catch (thrown) {
    const { node, network } = reporter.status();
    const { id } = node;
    const own = isSelf(withoutDomain(text, domainOf(network.name, network.id)), node);
    if (!own || !(thrown instanceof EvioError) || thrown.code !== 'EVIO_UNKNOWN_PEER') throw thrown;
    const replies = Array.from({ length: plan.count }, (_, i) => ({
      seq: i + 1,
      rttMs: 0,
      path: 'self' as const,
    }));
    return pingReport(id, plan.count, replies);
  }
}
