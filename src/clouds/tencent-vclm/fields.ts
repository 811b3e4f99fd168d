import * as z from 'zod';
import { fileAddress, type MediaLimits } from '../../core/operation.ts';
import type { Rules } from '../../core/spelling.ts';

/**
 * Base64 of an image. The documented limit is 10 MB for the whole encoded request body
 * (SubmitPortraitSingJob, 2025-04-25); 10,000,000 characters leave room for the other fields.
 */
export const imageBase64 = z
  .string()
  .min(1)
  .max(10_000_000)
  .regex(/^[A-Za-z0-9+/]+={0,2}$/, 'must be plain base64, without a data: prefix or line breaks');

export const submitReply = z.looseObject({ JobId: z.string().min(1) });

/** One of the two ways to give the picture. */
export const imageNeeded: Rules<{ ImageUrl?: string; ImageBase64?: string }> = (request) =>
  request.ImageUrl === undefined && request.ImageBase64 === undefined
    ? [{ field: 'ImageUrl', message: 'is needed, or ImageBase64' }]
    : [];

/** The page names no limits for the mark's picture. */
export const logoPicture: MediaLimits = { kind: 'image', formats: [], inline: 'LogoParam.LogoImage' };

/** The mark on the result, as both VCLM operations document it (SDK for 2024-05-23). */
export const logoParam = z.strictObject({
  LogoUrl: fileAddress().optional().describe('Wins over logo_image.'),
  LogoImage: imageBase64.optional().describe('Base64.'),
  LogoRect: z
    .strictObject({
      X: z.number().optional().describe('Negative: from the right.'),
      Y: z.number().optional().describe('Negative: from the bottom.'),
      Width: z.number().optional(),
      Height: z.number().optional(),
    })
    .optional()
    .describe('Pixels.'),
});
