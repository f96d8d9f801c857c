/** `evio exit …` as plain text. */
import type { ExitReport } from '../../core/control/schema.js';
import { printable, table } from '../format.js';

const states = {
  off: 'Traffic of this machine goes as its own routes say.',
  active: 'All traffic of this machine goes by it.',
  unreachable: 'It is not connected: nothing leaves this machine until it is, or: evio exit use off',
  withdrawn: 'It offers no way out any more: nothing leaves this machine; end that by: evio exit use off',
  failed: 'It could not be set on this machine',
} as const;

export function exitText({ use, state, fault, announced, announceFault, offers }: ExitReport): string {
  const used = use ? `Exit ${printable(use.name)}${use.allowLan ? ', LAN allowed' : ''}: ${state}. ` : '';
  const lines = [`${used}${states[state]}${fault === null ? '' : `: ${printable(fault)}`}`];
  if (announced) lines.push('This machine offers itself as a way out.');
  if (announceFault !== null) lines.push(`It cannot do that yet: ${printable(announceFault)}`);
  if (offers.length === 0) return `${lines.join('\n')}\nNo member offers a way out.\n`;
  const rows = offers.map(({ name, ip, own, connected }) => [
    printable(name),
    ip,
    own ? 'this machine' : connected ? 'connected' : 'not connected',
  ]);
  return `${lines.join('\n')}\n${table(['EXIT', 'ADDRESS', ''], rows)}`;
}
