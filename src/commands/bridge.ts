import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';

export default class Bridge extends BaseCommand {
  static override summary = 'bridge a LAN of this machine with the network, at layer 2';
  static override description =
    'Machines on the LAN that know nothing of evio become neighbours of all members, and of machines on other bridged LANs. Takes a bridge of this machine as it is, or an Ethernet interface that carries none of its addresses, for which it makes one. The machine needs the right "bridge". Of several members that bridge one LAN only one passes frames, and another takes its place within ten seconds. It goes on after a restart, until --undo; on the machine it is undone whenever the node stops.';

  static override examples = [
    '<%= config.bin %> <%= command.id %> eth1',
    '<%= config.bin %> <%= command.id %> br0 --network home',
    '<%= config.bin %> <%= command.id %> --undo',
  ];

  static override args = {
    interface: Args.string({ description: 'Ethernet interface, or bridge, that leads to the LAN' }),
  };

  static override flags = {
    network: networkFlag,
    force: Flags.boolean({
      description:
        'also an interface that carries addresses of this machine, which do not work until it is undone',
    }),
    undo: Flags.boolean({
      description: 'bridge nothing any more; also takes back what a killed node left',
      exclusive: ['force'],
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(Bridge);
    if (flags.undo) return this.#undo(flags.network);
    const { badValue } = await import('../core/identity/names.js');
    if (args.interface === undefined)
      throw badValue('No interface is named.', 'Name one: evio bridge eth1, or see: evio bridge list');
    const { ask } = await import('../core/control/client.js');
    const { lanMtu } = await import('../core/tap/lan-link.js');
    const { bridgesText, mtuAdvice } = await import('../views/text/bridges.js');
    const lan = { interface: args.interface, force: flags.force };
    const { network, bridge, mtu } = await ask(this.home().controlSocket, 'bridgeSet', {
      network: flags.network,
      lan,
    });
    const advice = mtuAdvice(mtu, lanMtu(args.interface));
    if (bridge) this.show(bridgesText([{ network, ...bridge }]));
    for (const line of advice) this.say(line);
    return { network, bridge, advice };
  }

  async #undo(selector: string | undefined): Promise<object> {
    const { undoBridge } = await import('../cli/undo-bridge.js');
    const undone = await undoBridge(this.home(), selector);
    this.say(undone.length === 0 ? 'No LAN was bridged.' : `Bridged no more: ${undone.join(', ')}.`);
    return { undone };
  }
}
