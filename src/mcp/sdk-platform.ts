import process from 'node:process';

/**
 * Stands in for the SDK's own platform module in the bundle: that one compiles a JSON Schema validator at every
 * start, for answers of users that this server never asks for.
 */
export { process };

export class DefaultJsonSchemaValidator {
  getValidator(): never {
    throw new Error('this server asks its users nothing, so there is nothing to validate');
  }
}
