import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class PolicyShow extends BaseCommand {
  static override summary = 'show the policy in force, and what its rules did';
  static override description =
    'Asks the running node. Hits are frames that came to this node since the policy was set or the node started: each node counts its own.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(PolicyShow);
    const { ask } = await import('../../core/control/client.js');
    const { policyText } = await import('../../views/text/policy.js');
    const report = await ask(this.home().controlSocket, 'policy', { network: flags.network });
    this.print(policyText(report));
    return report;
  }
}
