import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class ExitAnnounce extends BaseCommand {
  static override summary = 'offer this machine as a way out for all traffic of others';
  static override description =
    'Members may send everything by this machine then (evio exit use): what they send to the outside leaves with its addresses, by a table of nftables of its own. The machine needs the right "route" (the one that made the network has it), nft, and has to forward. It goes on after a restart, until "evio exit withdraw"; on the machine it is undone whenever the node stops.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --network home --json',
  ];

  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(ExitAnnounce);
    const { ask } = await import('../../core/control/client.js');
    const { forwardingAdvice } = await import('../../core/doctor/forwarding.js');
    const { exitText } = await import('../../views/text/exit.js');
    const { network } = flags;
    const report = await ask(this.home().controlSocket, 'exitSet', { network, announced: true });
    const advice = ['0.0.0.0/0', '::/0'].flatMap(forwardingAdvice);
    this.show(exitText(report));
    for (const line of advice) this.say(line);
    return { ...report, advice };
  }
}
