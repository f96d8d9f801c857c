import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import type { Home } from '../core/config/home.js';
import { badValue, checkPeer } from '../core/identity/names.js';
import { linkFlag, waitFlag } from '../cli/flags.js';
import { nodeFlags, switchesOf } from '../cli/node-flags.js';
import { keepWishes, pathFlags, wishesOf } from '../cli/path-flags.js';

export default class Node extends BaseCommand {
  static override daemon = true;
  static override summary = 'run the node of this machine';
  static override description =
    'Makes the interface of every network this machine is in (or of those given) and keeps it connected until SIGINT, SIGTERM or "evio down"; then the interfaces are gone. With --json each event is one line.';

  static override examples = [
    'sudo <%= config.bin %> <%= command.id %>',
    'sudo <%= config.bin %> <%= command.id %> --network home --port 4242',
    'sudo <%= config.bin %> <%= command.id %> --detach --wait 30s',
    'sudo <%= config.bin %> <%= command.id %> --network home --link gateway --link 10.144.9.167',
    '<%= config.bin %> <%= command.id %> --userspace --forward 5432=db:5432',
  ];

  static override flags = {
    network: Flags.string({
      char: 'n',
      multiple: true,
      helpValue: 'NETWORK',
      description: 'run only this network, by name or id; repeatable',
    }),
    port: Flags.integer({
      min: 1,
      max: 65_535,
      helpValue: 'PORT',
      description: 'UDP port of the only network that runs [default: the one of the last run]',
    }),
    link: linkFlag,
    detach: Flags.boolean({ description: 'run in the background; return once it is connected' }),
    wait: waitFlag,
    ...nodeFlags,
    ...pathFlags,
    metrics: Flags.string({
      helpValue: '127.0.0.1:PORT|unix:PATH',
      description:
        'serve numbers for Prometheus (GET /metrics, OpenMetrics) at a loopback address or a Unix socket',
    }),
  };

  async run(): Promise<object | undefined> {
    const { flags } = await this.parse(Node);
    const switches = switchesOf(flags);
    if (!switches.userspace) {
      const { requirePrivilege } = await import('../core/native/privilege.js');
      requirePrivilege();
    }
    const { Store } = await import('../core/config/store.js');
    const { selectNetwork } = await import('../core/config/select.js');
    const home = this.home();
    const store = new Store(home);
    const all = store.list();
    if (all.length === 0) selectNetwork(all);
    const networks = flags.network
      ? [...new Set(flags.network.map((selector) => selectNetwork(all, selector).id))]
      : all.map(({ id }) => id);
    if (flags.port !== undefined && networks.length > 1) {
      throw badValue(
        'One UDP port cannot serve several networks.',
        'Leave out --port: each network has a port of its own, and keeps it.',
        'Or give each its port once: sudo evio node --network NETWORK --port PORT',
      );
    }
    if (switches.userspace && networks.length > 1) {
      throw badValue(
        'Without an interface a node runs one network.',
        'Say which with --network; others run from homes of their own (EVIO_HOME)',
      );
    }
    const links = flags.link?.map(checkPeer);
    if (links && networks.length > 1) {
      throw badValue(
        'A peer to stay linked with is one of a certain network.',
        'Say which with --network, or keep the link in the profile: sudo evio join TOKEN --link PEER',
      );
    }
    const wishes = wishesOf(flags);
    for (const id of networks) await keepWishes(store, id, wishes);
    if (flags.network) {
      const { runningNetworks } = await import('../cli/run-detached.js');
      const running = await runningNetworks(home);
      const others = networks.filter((id) => !running.includes(id));
      if (running.length > 0 && others.length > 0) return this.#beside(home, others);
    }
    if (flags.detach) {
      const { runDetached } = await import('../cli/run-detached.js');
      const { network, port, wait } = flags;
      const result = await runDetached(home, {
        networks: network ? networks : [],
        port,
        switches,
        links,
        metrics: flags.metrics,
        waitMs: wait,
      });
      this.say(`The node runs in the background (process ${result.pid}). Its log: ${home.log}`);
      return result;
    }
    const { runNode, logEvent } = await import('../cli/run-node.js');
    const { LogRing } = await import('../core/lib/log-ring.js');
    const logRing = new LogRing();
    const log = await this.logger(logRing);
    await runNode({
      home,
      networks,
      version: this.config.version,
      log,
      logRing,
      port: flags.port,
      switches,
      links,
      metrics: flags.metrics,
      json: this.jsonEnabled(),
      onEvent: (event) => {
        if (this.jsonEnabled()) this.emit(event);
        else logEvent(log, event);
      },
    });
    return undefined;
  }

  /** A node runs for other networks of this home: it takes up these, too. */
  async #beside(home: Home, networks: readonly string[]): Promise<object> {
    const { takeUp } = await import('../cli/take-up.js');
    const { ask } = await import('../core/control/client.js');
    for (const id of networks) await takeUp(home, id);
    const { pid } = (await ask(home.controlSocket, 'status', { network: networks[0] })).node;
    this.say(`The node that runs (process ${pid}) has taken ${networks.length === 1 ? 'it' : 'them'} up.`);
    return { pid, started: networks };
  }
}
