import { z } from 'zod';
import { webAddress } from '../../core/operation.ts';

/**
 * Base64 of an image. The documented limit is 10 MB for the whole encoded request body
 * (SubmitPortraitSingJob, 2025-04-25); 10,000,000 characters leave room for the other fields.
 */
const maxBase64Length = 10_000_000;

export const imageBase64 = z.string().min(1).max(maxBase64Length);

export function base64Image() {
  return imageBase64.regex(
    /^[A-Za-z0-9+/]+={0,2}$/,
    'must be plain base64, without a data: prefix or line breaks',
  );
}

export const submitReply = z.looseObject({ JobId: z.string().min(1) });

/** The mark on the result, as both VCLM operations document it (SDK for 2024-05-23). */
export const logoParam = z.strictObject({
  LogoUrl: webAddress().optional(),
  LogoImage: imageBase64.optional(),
  LogoRect: z
    .strictObject({
      X: z.number().optional(),
      Y: z.number().optional(),
      Width: z.number().optional(),
      Height: z.number().optional(),
    })
    .optional(),
});

export const logoInput = z.strictObject({
  logo_url: webAddress().optional().describe('Picture of the mark; wins over logo_image.'),
  logo_image: base64Image().optional().describe('Picture of the mark as base64.'),
  logo_rect: z
    .strictObject({
      x: z.number().optional().describe('Pixels; from the left edge, from the right edge if negative.'),
      y: z.number().optional().describe('Pixels; from the top edge, from the bottom edge if negative.'),
      width: z.number().min(1).optional(),
      height: z.number().min(1).optional(),
    })
    .optional()
    .describe('Where the mark goes; it is stretched to fit.'),
});

export function encodeLogo(
  logo: z.output<typeof logoInput> | undefined,
): z.input<typeof logoParam> | undefined {
  if (!logo) return undefined;
  const rect = logo.logo_rect;
  return {
    LogoUrl: logo.logo_url,
    LogoImage: logo.logo_image,
    LogoRect: rect && { X: rect.x, Y: rect.y, Width: rect.width, Height: rect.height },
  };
}
