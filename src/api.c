/* Public entry points that belong to no other file.  The others sit with what they open: am_model_* in
 * engine/loaded_model.c, am_session_* in engine/session.c, am_audio_* in audio/audio.c, am_writer_* in text/writer.c.
 *
 * SPDX-License-Identifier: MIT */
#include "amanuensis.h"

#define STRINGIFY(x) #x
#define VERSION_OF(major, minor, patch) STRINGIFY(major) "." STRINGIFY(minor) "." STRINGIFY(patch)

const char *am_version(void) {
    return VERSION_OF(AM_VERSION_MAJOR, AM_VERSION_MINOR, AM_VERSION_PATCH);
}
