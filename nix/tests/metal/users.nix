# Who may log in, and how they become root.
{ lib, t, ... }:
let
  first = checks: lib.findFirst (check: check != null) null checks;
  key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExample ops";
  ops = {
    member.ssh = {
      user = "ops";
      sudo = "passwordless";
      port = 2222;
      rootLogin = "no";
      authorizedKeys = [ key ];
    };
  };
in
{
  "users/root by key alone, where nothing is said" =
    let
      inherit ((t.config { }).services) openssh;
    in
    first [
      (t.equal openssh.settings.PermitRootLogin "prohibit-password")
      (t.equal openssh.settings.PasswordAuthentication false)
      (t.equal openssh.settings.KbdInteractiveAuthentication false)
      (t.equal (map (key: key.path) openssh.hostKeys) [ "/etc/ssh/ssh_host_ed25519_key" ])
      (t.holds "keys that are in no system" (
        builtins.elem "/etc/ssh/nix8s_authorized_keys" openssh.authorizedKeysFiles
      ))
      (t.equal openssh.ports [ 22 ])
    ];
  "users/keys of the document and of the secrets" =
    t.equal
      (t.config {
        member.ssh.authorizedKeys = [ key ];
        cluster.secrets.sshPubKey = "ssh-ed25519 BBBB other";
      }).users.users.root.openssh.authorizedKeys.keys
      [
        key
        "ssh-ed25519 BBBB other"
      ];
  "users/somebody else than root" =
    let
      config = t.config ops;
    in
    first [
      (t.evaluates ops)
      (t.equal config.services.openssh.ports [ 2222 ])
      (t.equal config.services.openssh.settings.PermitRootLogin "no")
      (t.equal config.users.users.ops.openssh.authorizedKeys.keys [ key ])
      (t.equal config.users.users.root.openssh.authorizedKeys.keys [ ])
      (t.holds "without a password" (
        lib.any (
          rule:
          builtins.elem "ops" rule.users
          && lib.any (command: builtins.elem "NOPASSWD" command.options) rule.commands
        ) config.security.sudo.extraRules
      ))
      (t.equal config.nix.settings.trusted-users [
        "root"
        "ops"
      ])
    ];
  "users/somebody who is not root and cannot become it" = t.refuses {
    member.ssh.user = "ops";
  } "clusters.c.members.m.ssh.sudo: ops is not root and cannot become it";
  "users/root that may not log in" = t.refuses {
    member.ssh.rootLogin = "no";
  } "clusters.c.members.m.ssh.rootLogin: nix8s logs in as root here";
  "users/a password that nobody has" = t.refuses {
    member.ssh = {
      user = "ops";
      sudo = "password";
    };
  } "ssh.sudo: ops has no password that sudo could ask for";
  "users/users of the document" =
    let
      said = {
        users.ann = {
          authorizedKeys = [ key ];
          sudo = "password";
          hashedPasswordFile = "/etc/secrets/ann";
          groups = [ "video" ];
        };
        users.x-note = "handed on";
      };
      config = t.config said;
      inherit (config.users.users) ann;
    in
    first [
      (t.evaluates said)
      (t.equal ann.openssh.authorizedKeys.keys [ key ])
      (t.equal ann.hashedPasswordFile "/etc/secrets/ann")
      (t.equal (lib.sort lib.lessThan ann.extraGroups) [
        "video"
        "wheel"
      ])
      (t.equal (lib.concatMap (rule: rule.users) (
        builtins.filter (
          rule: lib.any (command: builtins.elem "NOPASSWD" (command.options or [ ])) rule.commands
        ) config.security.sudo.extraRules
      )) [ ])
    ];
  "users/a user of the document whose sudo asks for nothing" = t.refuses {
    users.ann.sudo = "password";
  } "users.ann.sudo: ann has no password";
}
