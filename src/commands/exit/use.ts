import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class ExitUse extends BaseCommand {
  static override summary = 'send all traffic of this machine by a member, or by none';
  static override description =
    'Everything leaves by the member then, IPv4 and IPv6, but for packets of evio itself, names that are asked of the servers in resolv.conf, and links of their own. While the member is away, or withdraws, nothing leaves: "evio exit use off" ends that, also where no node runs. It goes on after a restart; on the machine it is undone when the node stops, and after a kill nothing leaves until the next start, or "off".';

  static override examples = [
    '<%= config.bin %> <%= command.id %> gateway',
    '<%= config.bin %> <%= command.id %> gateway --allow-lan',
    '<%= config.bin %> <%= command.id %> off',
  ];

  static override args = {
    peer: Args.string({ required: true, description: 'member, by name, id or address; or "off"' }),
  };

  static override flags = {
    network: networkFlag,
    'allow-lan': Flags.boolean({
      description: "this machine's own networks, and what more its routes name, are reached as before",
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ExitUse);
    const { network } = flags;
    if (args.peer === 'off') return this.#off(network);
    const { ask } = await import('../../core/control/client.js');
    const { strictReturnAdvice } = await import('../../core/doctor/forwarding.js');
    const { noWayAdvice } = await import('../../core/doctor/default-route.js');
    const { exitText } = await import('../../views/text/exit.js');
    const use = { peer: args.peer, allowLan: flags['allow-lan'] };
    const report = await ask(this.home().controlSocket, 'exitSet', { network, use });
    const advice = [...strictReturnAdvice(), ...(use.allowLan ? [] : noWayAdvice())];
    this.show(exitText(report));
    for (const line of advice) this.say(line);
    return { ...report, advice };
  }

  async #off(network: string | undefined): Promise<object> {
    const { leaveExit } = await import('../../cli/leave-exit.js');
    const left = await leaveExit(this.home(), network);
    this.say(left.length === 0 ? 'No exit was used.' : `Used no more: ${left.join(', ')}.`);
    return { left };
  }
}
