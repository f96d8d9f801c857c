/** Does this machine forward? What lies behind it is reached only then. */
import { readFileSync } from 'node:fs';

const switches = {
  ipv4: { file: '/proc/sys/net/ipv4/ip_forward', name: 'net.ipv4.ip_forward' },
  ipv6: { file: '/proc/sys/net/ipv6/conf/all/forwarding', name: 'net.ipv6.conf.all.forwarding' },
} as const;

/**
 * What an operator has to do before the subnet is reached through this machine; empty when nothing. Nothing is changed:
 * a machine that forwards does so for all its interfaces.
 */
export function forwardingAdvice(cidr: string): string[] {
  const { file, name } = cidr.includes(':') ? switches.ipv6 : switches.ipv4;
  let state: string;
  try {
    state = readFileSync(file, 'utf8').trim();
  } catch {
    return [];
  }
  if (state !== '0') return [];
  return [`This machine does not forward packets yet. Turn it on: sysctl -w ${name}=1`];
}

/** What keeps answers away where everything goes by a member: filters that ask by which interface a packet would go back. */
export function strictReturnAdvice(): string[] {
  const strict = ['all', 'default'].filter((name) => {
    try {
      return readFileSync(`/proc/sys/net/ipv4/conf/${name}/rp_filter`, 'utf8').trim() === '1';
    } catch {
      return false;
    }
  });
  if (strict.length === 0) return [];
  return [
    'Reverse path filtering is strict here, and drops packets of evio itself: sysctl -w net.ipv4.conf.all.rp_filter=2',
  ];
}
