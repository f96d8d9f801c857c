/** The services of evio as systemd reads them (systemd.service(5), systemd.exec(5)). Pure: facts in, text out. */
import { ExitStatus } from '../core/lib/errors.js';

export const services = ['node', 'relay'] as const;
export type Service = (typeof services)[number];

export const unitName: Record<Service, string> = { node: 'evio.service', relay: 'evio-relay.service' };

export interface UnitFacts {
  /** The words that start `evio`, the path of the executable first. */
  readonly command: readonly string[];
  /** Where the node keeps its state. */
  readonly home: string;
}

/** A word of ExecStart=: quoted, with nothing in it that systemd would replace. */
function quoted(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w@%+=:,./$-]+$/.test(plain)
    ? plain
    : `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

/** What both give up. Memory that is written and executed cannot be refused: V8 compiles. */
const hardened = `NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
ProcSubset=pid
RestrictNamespaces=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @obsolete
SystemCallErrorNumber=EPERM
UMask=0077
LimitCORE=0`;

/** A restart is told by a signal of its own (core/handover/rest.ts). */
const resting = `# "systemctl restart" starts it anew, and no packet is lost: interface and sockets are kept here meanwhile, with what it knows.
RestartKillSignal=SIGQUIT
FileDescriptorStoreMax=4096
SuccessExitStatus=${ExitStatus.rests}
RestartForceExitStatus=${ExitStatus.rests}`;

/** Programs below these folders are hidden by ProtectHome=yes. */
const homes = /^\/(home|root|run\/user)\//;

function node({ command, home }: UnitFacts): string {
  const isDefault = home === '/var/lib/evio';
  return `[Unit]
Description=evio node: virtual Ethernet
Documentation=man:evio(1)
After=network.target
# A machine that is in no network has nothing to run.
ConditionDirectoryNotEmpty=${home.replaceAll('%', '%%')}/networks
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart=${[...command, 'node'].map(quoted).join(' ')}
# The program as it is on disk now goes on, and no packet is lost: MAINPID= tells who is the service then.
ExecReload=${[...command, 'upgrade'].map(quoted).join(' ')}
Environment=${quoted(`EVIO_HOME=${home}`)}
${resting}
# "evio down" ends it, and it stays down. Who was killed is back at once, since streams wait for it; what failed will fail again.
Restart=on-failure
RestartPreventExitStatus=${ExitStatus.final}
RestartSec=100ms
# After a kill, with nobody to start it again, its names stay in /etc/hosts. Where systemd-resolved has them, there are none.
ExecStopPost=-/bin/sh -c 'test "$$EXIT_STATUS" = ${ExitStatus.rests} || ! grep -q "^# evio begin " /etc/hosts || exec "$$0" "$$@"' ${[...command, 'down', '--tidy'].map(quoted).join(' ')}
ExecStopPost=/bin/sh -c 'test "$$SERVICE_RESULT" != exit-code || test "$$EXIT_STATUS" = ${ExitStatus.final} || exec sleep 2'
WatchdogSec=60
TimeoutStopSec=15
# Names of members, where systemd-resolved does not run.
ReadWritePaths=-/etc/hosts
${isDefault ? 'StateDirectory=evio\nStateDirectoryMode=0700' : `ReadWritePaths=${quoted(home)}`}
CacheDirectory=evio
CacheDirectoryMode=0700
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_BIND_SERVICE CAP_SYS_NICE
# Nodes and pods keep their routes and addresses by netlink.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
DevicePolicy=closed
DeviceAllow=/dev/net/tun rw
ProtectHome=${command.some((word) => homes.test(word)) || homes.test(`${home}/`) ? 'read-only' : 'yes'}
${hardened}

[Install]
WantedBy=multi-user.target
`;
}

function relay({ command }: UnitFacts): string {
  return `[Unit]
Description=evio relay: rendezvous of evio networks
Documentation=man:evio-relay(1)
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
EnvironmentFile=-/etc/default/evio-relay
ExecStart=${[...command, 'relay'].map(quoted).join(' ')} $EVIO_RELAY_ARGS
# As that of the node.
ExecReload=${[...command, 'upgrade'].map(quoted).join(' ')}
${resting}
Environment=EVIO_HOME=%S/evio-relay
Restart=on-failure
RestartPreventExitStatus=${ExitStatus.final}
RestartSec=2
WatchdogSec=60
TimeoutStopSec=15
DynamicUser=yes
StateDirectory=evio-relay
StateDirectoryMode=0700
CacheDirectory=evio-relay
CacheDirectoryMode=0700
# For a port below 1024.
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
PrivateDevices=yes
RestrictRealtime=yes
ProtectHome=${command.some((word) => homes.test(word)) ? 'read-only' : 'yes'}
${hardened}

[Install]
WantedBy=multi-user.target
`;
}

export function unitText(service: Service, facts: UnitFacts): string {
  return service === 'node' ? node(facts) : relay(facts);
}

/** /etc/default/evio-relay: the words after `evio relay`. systemd splits them at spaces. */
export function relayDefaults(words: readonly string[]): string {
  return `# Words after "evio relay": see evio relay --help.
EVIO_RELAY_ARGS="${words.join(' ')}"
`;
}
