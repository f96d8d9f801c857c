/** `evio dns status` as plain text. */
import type { NamesReport } from '../../core/control/schema.js';
import { facts, printable } from '../format.js';

const ways: Record<NamesReport['way'], string> = {
  resolved: 'systemd-resolved asks the responder',
  hosts: 'a marked block in /etc/hosts',
  off: 'not at all',
};

export function namesText({ domain, way, server, tcp, fault, queries }: NamesReport): string {
  const { answered, denied, refused, dropped } = queries;
  return facts([
    ['Names', `NAME.${domain}`],
    ['Found by', ways[way]],
    ['Responder', server === null ? 'does not listen' : `${server}, UDP${tcp ? ' and TCP' : ''}`],
    ['Asked', `${answered} answered, ${denied} of nobody, ${refused} refused, ${dropped} dropped`],
    ...(fault === null ? [] : [['Wrong', printable(fault)] as [string, string]]),
  ]);
}
