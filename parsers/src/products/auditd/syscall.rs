//! What a system call means in ECS, by name or by its number on x86-64 and ARM64.
//!
//! The words are those of go-libaudit's normalisation, as for record types. Numbers: the kernel's
//! `syscall_64.tbl` and `asm-generic/unistd.h`.

use super::meaning::Meaning;

/// Name, number on x86-64, number on ARM64 (`0` = it has none, or is none that is audited), what it means.
type Row = (&'static str, u16, u16, Meaning);

const fn row(
    name: &'static str,
    x86_64: u16,
    arm64: u16,
    action: &'static str,
    categories: &'static [&'static str],
    types: &'static [&'static str],
) -> Row {
    (name, x86_64, arm64, Meaning { action, categories, types })
}

static SYSCALLS: &[Row] = &[
    row("execve", 59, 221, "executed", &["process"], &["start"]),
    row("execveat", 322, 281, "executed", &["process"], &["start"]),
    row("open", 2, 0, "opened-file", &["file"], &["change"]),
    row("openat", 257, 56, "opened-file", &["file"], &["change"]),
    row("creat", 85, 0, "opened-file", &["file"], &["creation"]),
    row("unlink", 87, 0, "deleted", &["file"], &["deletion"]),
    row("unlinkat", 263, 35, "deleted", &["file"], &["deletion"]),
    row("rmdir", 84, 0, "deleted", &["file"], &["deletion"]),
    row("rename", 82, 0, "renamed", &["file"], &["change"]),
    row("renameat", 264, 38, "renamed", &["file"], &["change"]),
    row("renameat2", 316, 276, "renamed", &["file"], &["change"]),
    row("mkdir", 83, 0, "created-directory", &["file"], &["creation"]),
    row("mkdirat", 258, 34, "created-directory", &["file"], &["creation"]),
    row("link", 86, 0, "linked", &["file"], &["creation"]),
    row("linkat", 265, 37, "linked", &["file"], &["creation"]),
    row("symlink", 88, 0, "symlinked", &["file"], &["creation"]),
    row("symlinkat", 266, 36, "symlinked", &["file"], &["creation"]),
    row("chmod", 90, 0, "changed-file-permissions-of", &["file"], &["change"]),
    row("fchmod", 91, 52, "changed-file-permissions-of", &["file"], &["change"]),
    row("fchmodat", 268, 53, "changed-file-permissions-of", &["file"], &["change"]),
    row("chown", 92, 0, "changed-file-ownership-of", &["file"], &["change"]),
    row("fchown", 93, 55, "changed-file-ownership-of", &["file"], &["change"]),
    row("lchown", 94, 0, "changed-file-ownership-of", &["file"], &["change"]),
    row("fchownat", 260, 54, "changed-file-ownership-of", &["file"], &["change"]),
    row("mount", 165, 40, "mounted", &["file"], &["creation"]),
    row("umount2", 166, 39, "unmounted", &["file"], &["deletion"]),
    row("connect", 42, 203, "connected-to", &["network"], &["connection", "start"]),
    row("accept", 43, 202, "accepted-connection-from", &["network"], &["connection", "start"]),
    row("accept4", 288, 242, "accepted-connection-from", &["network"], &["connection", "start"]),
    row("bind", 49, 200, "bound-socket", &["network"], &["start"]),
    row("listen", 50, 201, "listen-for-connections", &["network"], &["start"]),
    row("sendto", 44, 206, "sent-to", &["network"], &["connection", "info"]),
    row("recvfrom", 45, 207, "received-from", &["network"], &["connection", "info"]),
    row("kill", 62, 129, "killed-pid", &["process"], &["end"]),
    row("tkill", 200, 130, "killed-pid", &["process"], &["end"]),
    row("tgkill", 234, 131, "killed-pid", &["process"], &["end"]),
    row("init_module", 175, 105, "loaded-kernel-module", &["driver"], &["start"]),
    row("finit_module", 313, 273, "loaded-kernel-module", &["driver"], &["start"]),
    row("delete_module", 176, 106, "unloaded-kernel-module", &["driver"], &["end"]),
    row("setuid", 105, 146, "changed-identity-of", &["process"], &["change"]),
    row("setgid", 106, 144, "changed-identity-of", &["process"], &["change"]),
    row("setreuid", 113, 145, "changed-identity-of", &["process"], &["change"]),
    row("setresuid", 117, 147, "changed-identity-of", &["process"], &["change"]),
    row("settimeofday", 164, 170, "changed-system-time", &["host"], &["change"]),
    row("clock_settime", 227, 112, "changed-system-time", &["host"], &["change"]),
    row("adjtimex", 159, 171, "changed-system-time", &["host"], &["change"]),
    row("sethostname", 170, 161, "changed-system-name", &["host"], &["change"]),
];

/// The meaning of a system call, which auditd names or numbers.
pub(super) fn of(call: &[u8], arch: Option<&[u8]>) -> Option<&'static Meaning> {
    let found = match crate::number::parse_u64(call) {
        None => SYSCALLS.iter().find(|(name, ..)| name.as_bytes() == call),
        Some(number) => {
            let of_arch = |&(_, x86_64, arm64, _): &Row| match arch {
                Some(b"c000003e" | b"x86_64") => x86_64,
                Some(b"c00000b7" | b"aarch64") => arm64,
                _ => 0,
            };
            SYSCALLS.iter().find(|row| number != 0 && u64::from(of_arch(row)) == number)
        }
    };
    found.map(|(.., meaning)| meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_mean_what_their_architecture_says() {
        let action = |call: &str, arch| of(call.as_bytes(), arch).map(|meaning| meaning.action);
        assert_eq!(action("59", Some(b"c000003e")), Some("executed"));
        assert_eq!(action("221", Some(b"c00000b7")), Some("executed"));
        assert_eq!(action("execve", None), Some("executed"));
        assert_eq!(action("59", Some(b"40000003")), None);
        assert_eq!(action("0", Some(b"c00000b7")), None);
        assert_eq!(action("getpid", None), None);
    }
}
