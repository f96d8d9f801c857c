import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base.js';

export default class KubeInstall extends BaseCommand {
  static override summary = 'install the CNI plugin';
  static override description =
    'Puts evio-cni into the folder in which the container runtime looks for plugins, in the place of an older one. The pod of "evio kube manifest" does it before the agent starts.';

  static override examples = ['<%= config.bin %> <%= command.id %>'];

  static override flags = {
    'cni-bin': Flags.string({ default: '/opt/cni/bin', helpValue: 'FOLDER', description: 'of CNI plugins' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(KubeInstall);
    const { installPlugin } = await import('../../kube/install.js');
    const path = installPlugin(flags['cni-bin']);
    this.print(path);
    return { path };
  }
}
