/**
 * The short way for questions that scripts ask again and again: `evio status` and `evio peers` in their plain forms.
 *
 * oclif costs more than the question itself, so it is not loaded here. Any other word on the command line means no:
 * the commands then do the same (src/commands/status.ts, src/commands/peers.ts).
 */
import { homeFrom } from '../core/config/home.js';
import { ask } from '../core/control/client.js';
import { peersText, statusText } from '../views/text/status.js';
import { presentError } from './errors.js';

export interface QuickQuestion {
  readonly method: 'status' | 'peers';
  readonly network: string | undefined;
  readonly json: boolean;
}

/** The question that these arguments are, if they are nothing else. */
export function quickQuestion(argv: readonly string[]): QuickQuestion | undefined {
  const [method, ...rest] = argv;
  if (method !== 'status' && method !== 'peers') return undefined;
  let network: string | undefined;
  let json = false;
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i];
    if (word === '--json') json = true;
    else if ((word === '--network' || word === '-n') && network === undefined) {
      network = rest[++i];
      if (network === undefined || network.startsWith('-')) return undefined;
    } else return undefined;
  }
  return { method, network, json };
}

/** Asks, prints, and returns the exit status. */
export async function answerQuickly({ method, network, json }: QuickQuestion): Promise<number> {
  try {
    const { controlSocket } = homeFrom();
    const result = await ask(controlSocket, method, { network });
    const text = (): string => ('peers' in result ? peersText(result.peers) : statusText(result));
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : text());
    return 0;
  } catch (thrown) {
    return presentError(thrown, json, `evio ${method} --help`);
  }
}
