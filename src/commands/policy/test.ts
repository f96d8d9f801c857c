import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';
import { readPolicyFile } from '../../cli/policy-file.js';

export default class PolicyTest extends BaseCommand {
  static override summary = 'read a policy, and ask it what it expects of itself';
  static override description =
    'Needs no running node. The lines that begin with "expect" are asked of made-up members with the tag, role or address that they name, and of all members that this machine knows. Ends with status 1 when the file cannot be read or an expectation does not hold.';
  static override examples = ['<%= config.bin %> <%= command.id %> home.policy'];
  static override args = {
    file: Args.string({ required: true, description: 'the policy; - is standard input' }),
  };
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PolicyTest);
    const { knownMembers, testPolicy } = await import('../../core/enroll/policy.js');
    const { Store } = await import('../../core/config/store.js');
    const { policyTestText } = await import('../../views/text/policy.js');
    const store = new Store(this.home());
    const text = await readPolicyFile(args.file);
    // Without a network there is nobody to ask but those made up.
    const known = flags.network !== undefined || store.ids().length > 0;
    const members = known ? knownMembers(store, store.pick(flags.network), Date.now()) : [];
    const result = testPolicy(text, members);
    this.show(policyTestText(args.file, result));
    if (!result.ok) process.exitCode = 1;
    return result;
  }
}
