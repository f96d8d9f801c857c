import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';

export default class Down extends BaseCommand {
  static override summary = 'stop the node of this machine';
  static override description =
    'Returns once its interfaces are gone. With --network only that network stops. A node that was killed could not take its names out of /etc/hosts: this does, too, and with --tidy nothing else.';
  static override examples = [
    'sudo <%= config.bin %> <%= command.id %>',
    'sudo <%= config.bin %> <%= command.id %> --network home',
  ];
  static override flags = {
    network: networkFlag,
    tidy: Flags.boolean({
      description: 'stop nothing; only take away what a node that was killed left in /etc/hosts',
      exclusive: ['network'],
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Down);
    const { forgetNames } = await import('../cli/forget-names.js');
    const home = this.home();
    if (flags.tidy) {
      await forgetNames(home);
      return { stopped: [] };
    }
    const { stopNode } = await import('../cli/stop-node.js');
    const result = await stopNode(home, flags.network).catch(async (thrown: unknown) => {
      // One that was killed could not tidy up.
      await forgetNames(home);
      throw thrown;
    });
    this.say(result.stopped.length === 1 ? 'Stopped.' : `Stopped ${result.stopped.length} networks.`);
    return result;
  }
}
