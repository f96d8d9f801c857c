import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';

export default class Apply extends BaseCommand {
  static override summary = 'bring this machine to the state that a file describes';
  static override description =
    'Reads networks, relays, routes and policy from YAML (docs/evio.schema.json), and runs what is missing to get there: joins, starts the node in the background, adds and removes. Lists in the file are whole: what is not in them is removed; what the file does not mention stays. All of the file is checked before anything is changed. The second time nothing is left to do.';

  static override examples = [
    'sudo <%= config.bin %> <%= command.id %> --file evio.yaml --dry-run',
    'sudo <%= config.bin %> <%= command.id %> --file evio.yaml',
  ];

  static override flags = {
    file: Flags.string({
      char: 'f',
      required: true,
      helpValue: 'FILE',
      description: 'what should be; - is standard input',
    }),
    'dry-run': Flags.boolean({ description: 'only say what would change' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Apply);
    const { readApplyFile } = await import('../cli/apply-file.js');
    const { applyAll, planOf } = await import('../cli/apply.js');
    const home = this.home();
    const wanted = readApplyFile(flags.file);
    const plan = await planOf(home, wanted);
    const changes = flags['dry-run']
      ? plan
      : plan.length === 0
        ? []
        : await applyAll(home, wanted, ({ network, detail }) => {
            this.say(`${network}: ${detail}`);
          });
    if (flags['dry-run'])
      this.show(
        changes
          .map(({ command, detail, network }) => `${network}: ${detail} (evio ${command.join(' ')})\n`)
          .join(''),
      );
    if (changes.length === 0) this.say('Nothing to change.');
    return { changes };
  }
}
