import { hostname } from 'node:os';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { durationFlag, linkFlag, waitFlag } from '../cli/flags.js';
import { nodeFlags, switchesOf } from '../cli/node-flags.js';
import { keepWishes, pathFlags, wishesOf } from '../cli/path-flags.js';
import { tokenText } from '../cli/token-text.js';
import type { DetachedResult } from '../cli/run-detached.js';
import type { Home } from '../core/config/home.js';
import { EvioError } from '../core/lib/errors.js';
import type { NodeSwitches } from '../core/node/switches.js';
import type { JoinResult } from '../core/enroll/join.js';

export default class Join extends BaseCommand {
  static override daemon = true;
  static override summary = 'join a network by a token, and run the node';
  static override description = `Checks the token, makes this machine's identity and certificate, has a relay count the use, stores the membership, and runs the node until SIGINT, SIGTERM or "evio down". When a step fails, this machine is no member, and joining again by the same token uses it up no further. Joining a network again runs the node, and gives it the name and the address that are named then.

A token among the arguments is wiped from the list of processes as soon as evio begins. Where others use this machine, give - to read it from standard input, --token-file, or EVIO_TOKEN in the environment.`;

  // What oclif makes of so many switches that exclude each other has gaps.
  static override usage =
    '<%= command.id %> [TOKEN | --token-file FILE] [--name NAME] [--ip ADDRESS] [--detach | --service | --no-start] [FLAG]...';

  static override examples = [
    'sudo <%= config.bin %> <%= command.id %> evio1AbC…',
    'sudo <%= config.bin %> <%= command.id %> evio1AbC… --name web-1 --ip 10.144.0.7 --detach',
    'sudo <%= config.bin %> <%= command.id %> evio1AbC… --service',
    'sudo <%= config.bin %> <%= command.id %> evio1AbC… --role leaf --link gateway',
    'sudo <%= config.bin %> <%= command.id %> --token-file token.txt --detach',
    '<%= config.bin %> <%= command.id %> - --no-start --json < token.txt',
  ];

  static override args = {
    token: Args.string({
      description: 'token from "evio init" or "evio token create", or - to read it',
    }),
  };

  static override flags = {
    'token-file': Flags.string({ helpValue: 'FILE', description: 'read the token from this file' }),
    name: Flags.string({ helpValue: 'NAME', description: 'name of this machine [default: its host name]' }),
    ip: Flags.string({
      helpValue: 'ADDRESS',
      description: 'address in the network; derived from the key when left out',
    }),
    role: Flags.string({
      options: ['switch', 'leaf'],
      description: 'leaf: forwards for nobody [default: as the token permits]',
    }),
    link: linkFlag,
    'allow-range': Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'CIDR',
      description:
        'let the network have addresses in this range although they are public, or this machine uses some; repeatable',
    }),
    'no-start': Flags.boolean({
      description: 'only store the membership; asks no relay and needs no root',
      exclusive: ['detach'],
    }),
    detach: Flags.boolean({ description: 'run in the background; return once it is connected' }),
    service: Flags.boolean({
      description: 'have systemd or OpenRC run the node, now and at boot; return once it runs',
      exclusive: ['no-start', 'detach', ...Object.keys(nodeFlags)],
    }),
    wait: waitFlag,
    timeout: durationFlag({
      description:
        'where an admin has to let this machine in: wait for that so long at most [default: without end]',
    }),
    ...nodeFlags,
    ...pathFlags,
  };

  async run(): Promise<object | undefined> {
    const { args, flags } = await this.parse(Join);
    const home = this.home();
    const wishes = wishesOf(flags);
    const text = tokenText({ argument: args.token, file: flags['token-file'] });
    const start = !flags['no-start'];
    const switches = switchesOf(flags);
    if (start && !switches.userspace) {
      const { requirePrivilege } = await import('../core/native/privilege.js');
      requirePrivilege();
    }
    // Before anything is stored.
    if (flags.service) (await import('../service/manager.js')).serviceManager();
    const { joinNetwork } = await import('../core/enroll/join.js');
    const { enrollPorts } = await import('../cli/enroll-ports.js');
    const { nodeNameFrom } = await import('../core/identity/names.js');
    const made = enrollPorts(home, await this.env(), this.agent(), wishes?.proxy);
    // A stack of its own shares no addresses with the machine.
    const ports = switches.userspace ? { ...made, machine: () => [] } : made;
    const patience = new AbortController();
    const { timeout } = flags;
    const cancel =
      timeout === undefined ? () => undefined : ports.env.clock.after(timeout, () => patience.abort());
    const nodeName = flags.name ?? nodeNameFrom(hostname());
    const joined = await joinNetwork(
      {
        token: text,
        name: nodeName,
        ip: flags.ip,
        role: flags.role === undefined ? undefined : flags.role === 'leaf' ? 'leaf' : 'switch',
        links: flags.link,
        allowRanges: flags['allow-range'],
        contact: start,
        patience: {
          until: patience.signal,
          tell: (waiting) => this.#tellWaiting(nodeName, waiting, flags.detach || flags.service),
        },
      },
      ports,
    ).finally(cancel);
    await keepWishes(ports.store, joined.networkId, wishes);
    const { name, ip } = flags;
    const asked = joined.already && (name !== undefined || ip !== undefined);
    const { changeHere } = await import('../cli/change-member.js');
    const result = asked
      ? { ...joined, ...(await changeHere(home, joined.networkId, { name, ip }, ports)) }
      : joined;
    const { network, node } = result;
    const how = result.already ? 'This machine is in the network' : 'Joined the network';
    this.say(`${how} ${network.name} (${network.id}) as ${node.name}, ${node.ip}.`);
    for (const name of result.overlapping) {
      this.say(
        `Both it and the network ${name} have addresses in ${network.cidr}: do not run them together.`,
      );
    }
    if (!start) return { network, node };
    if (flags.service) return this.#service(home, result);
    const { runningNetworks } = await import('../cli/run-detached.js');
    if ((await runningNetworks(home)).some((id) => id !== result.networkId))
      return this.#beside(home, result, flags.detach ? flags.wait : undefined);
    return flags.detach
      ? this.#detach(home, result, flags.wait, switches)
      : this.#foreground(home, result, switches);
  }

  #tellWaiting(
    name: string,
    { approvals, needed }: { approvals: number; needed: number },
    detach: boolean,
  ): void {
    // In the background one object tells of all.
    if (this.jsonEnabled() && !detach) this.emit({ event: 'waiting', name, approvals, needed });
    if (approvals > 0) {
      this.say(`${approvals} of ${needed} admins have let this machine in.`);
      return;
    }
    const who = needed > 1 ? `the approval of ${needed} admins` : "an admin's approval";
    this.say(`Waiting for ${who}: on an admin's machine: "evio approve ${name}"`);
    this.say('Ctrl-C stops waiting; the same command goes on with it.');
  }

  /** A node runs: it takes up this network, too, unless it has it. @param waitMs until it is connected; default: not at all */
  async #beside(home: Home, { networkId, network, node }: JoinResult, waitMs?: number): Promise<object> {
    const { takeUp } = await import('../cli/take-up.js');
    const { ask } = await import('../core/control/client.js');
    const { started } = await takeUp(home, networkId);
    if (waitMs !== undefined) {
      const { waitConnected } = await import('../core/process/detach.js');
      await waitConnected(home, networkId, waitMs);
    }
    const { pid } = (await ask(home.controlSocket, 'status', { network: networkId })).node;
    this.say(
      started.length === 0
        ? `Its node runs already (process ${pid}).`
        : `The node that runs (process ${pid}) has taken it up.`,
    );
    return { network, node, pid };
  }

  /** Where a node runs already, it takes this network up, and the service begins at boot. */
  async #service(home: Home, result: JoinResult): Promise<object> {
    const { runningNetworks } = await import('../cli/run-detached.js');
    const { installService, serviceText } = await import('../cli/service-command.js');
    const { network, node } = result;
    const running = await runningNetworks(home);
    if (running.length > 0 && !running.includes(result.networkId)) await this.#beside(home, result);
    const service = await installService('node', { home, start: running.length === 0 });
    this.say(serviceText(service));
    return { network, node, service };
  }

  async #detach(home: Home, result: JoinResult, waitMs: number, switches: NodeSwitches): Promise<object> {
    const { runDetached, runningNetworks } = await import('../cli/run-detached.js');
    const { network, node } = result;
    if ((await runningNetworks(home)).includes(result.networkId)) return this.#beside(home, result, waitMs);
    let started: DetachedResult;
    try {
      started = await runDetached(home, { networks: [], switches, waitMs });
    } catch (thrown) {
      // One that was started in the same moment came first, perhaps before it could know of this network.
      if (!(thrown instanceof EvioError) || thrown.code !== 'EVIO_ALREADY_RUNNING') throw thrown;
      return this.#beside(home, result, waitMs);
    }
    const { pid, nodes } = started;
    const now = nodes.find((entry) => entry.network.id === network.id) ?? { network, node };
    this.say(`The node runs in the background (process ${pid}). Its log: ${home.log}`);
    return { network: now.network, node: now.node, pid };
  }

  async #foreground(home: Home, { network, node }: JoinResult, switches: NodeSwitches): Promise<undefined> {
    const { runNode, logEvent } = await import('../cli/run-node.js');
    const { Store } = await import('../core/config/store.js');
    const { LogRing } = await import('../core/lib/log-ring.js');
    const logRing = new LogRing();
    const log = await this.logger(logRing);
    if (this.jsonEnabled()) this.emit({ event: 'joined', network, node });
    await runNode({
      home,
      networks: new Store(home).ids(),
      version: this.config.version,
      log,
      logRing,
      switches,
      json: this.jsonEnabled(),
      onEvent: (event) => {
        if (this.jsonEnabled()) this.emit(event);
        else logEvent(log, event);
      },
    });
    return undefined;
  }
}
