/** The services of evio as OpenRC runs them (openrc-run(8), supervise-daemon(8)). Pure: facts in, text of shell out. */
import { relayServiceHome } from '../core/config/home.js';
import type { Service, UnitFacts } from './units.js';

export const scriptName: Record<Service, string> = { node: 'evio', relay: 'evio-relay' };

/** The user of the relay, who is made when it is installed. */
export const relayUser = 'evio-relay';

/** A word as the shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Words that OpenRC reads twice: as a value in its script, and as part of a command line (`eval`). */
const quotedTwice = (words: readonly string[]): string => quoted(words.map(quoted).join(' '));

/**
 * Both are started again when they end, whatever the reason: OpenRC does not ask for it. But what ends more than ten times in a
 * minute has failed for a reason that stays, and rests until somebody acts. What time may mend takes longer than that.
 */
const supervised = (service: Service): string => `supervisor=supervise-daemon
pidfile="/run/\${RC_SVCNAME}.pid"
respawn_delay=1
respawn_max=10
respawn_period=60
export EVIO_LINGER_MS=6000
umask=0077
output_log=/var/log/${scriptName[service]}.log
error_log=/var/log/${scriptName[service]}.log`;

function node({ command: [program, ...words], home }: UnitFacts): string {
  return `#!/sbin/openrc-run
description="evio node: virtual Ethernet"
command=${quotedTwice([program as string])}
command_args=${quotedTwice([...words, 'node'])}
${supervised('node')}
export EVIO_HOME=${quoted(home)}

depend() {
	use net dns logger
	after net firewall
}

start_pre() {
	checkpath --directory --mode 0700 --owner root:root "$EVIO_HOME"
	if [ -z "$(ls -A "$EVIO_HOME/networks" 2>/dev/null)" ]; then
		eerror "This machine is in no network: evio join TOKEN --no-start"
		return 1
	fi
}

# One that was killed just before could not take its names out of /etc/hosts.
stop_post() {
	${[program as string, ...words, 'down', '--tidy'].map(quoted).join(' ')} || :
}
`;
}

function relay({ command: [program, ...words] }: UnitFacts): string {
  return `#!/sbin/openrc-run
description="evio relay: rendezvous of evio networks"
command=${quotedTwice([program as string])}
command_args=${quotedTwice([...words, 'relay'])}
# From /etc/conf.d/evio-relay.
command_args="$command_args $EVIO_RELAY_ARGS"
command_user="${relayUser}:${relayUser}"
${supervised('relay')}
export EVIO_HOME=${relayServiceHome}

depend() {
	use net dns logger
	after net firewall
}

start_pre() {
	checkpath --directory --mode 0700 --owner "$command_user" "$EVIO_HOME"
	checkpath --file --mode 0640 --owner "$command_user" "$output_log"
}
`;
}

/** The script in /etc/init.d. */
export function scriptText(service: Service, facts: UnitFacts): string {
  return service === 'node' ? node(facts) : relay(facts);
}
