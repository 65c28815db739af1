# Who may log in: the user that nix8s works as, the users of the document, by key alone.
{
  lib,
  config,
  fleet,
  cluster,
  node,
  ...
}:
let
  inherit (lib) mkDefault mkIf optional;
  inherit (node) ssh;
  said = lib.filterAttrs (name: _: !(lib.hasPrefix "x-" name)) fleet.users;
  path = "clusters.${node.cluster}.members.${node.member}.ssh";

  deployer = {
    ${ssh.user} = {
      authorizedKeys = ssh.authorizedKeys ++ optional (sshPubKey != null) sshPubKey;
      sudo = if ssh.user == "root" then "none" else ssh.sudo;
    };
  };
  sshPubKey = cluster.secrets.sshPubKey or null;

  keys = name: said.${name}.authorizedKeys or [ ] ++ deployer.${name}.authorizedKeys or [ ];
  # The more of the two.
  sudo =
    name:
    let
      both = [
        (said.${name}.sudo or "none")
        (deployer.${name}.sudo or "none")
      ];
    in
    lib.findFirst (word: builtins.elem word both) "none" [
      "passwordless"
      "password"
    ];
  names = builtins.attrNames (said // deployer);
  hasPassword =
    name:
    let
      user = config.users.users.${name};
    in
    builtins.any (key: user.${key} or null != null) [
      "hashedPassword"
      "hashedPasswordFile"
      "initialHashedPassword"
      "initialPassword"
      "password"
    ];
in
{
  services.openssh = {
    enable = true;
    ports = mkDefault [ ssh.port ];
    hostKeys = mkDefault [
      {
        type = "ed25519";
        path = "/etc/ssh/ssh_host_ed25519_key";
      }
    ];
    # Keys that came with the secrets of the cluster are in no system.
    authorizedKeysFiles = [ "/etc/ssh/nix8s_authorized_keys" ];
    settings = {
      PermitRootLogin = mkDefault (if ssh.rootLogin == "no" then "no" else "prohibit-password");
      PasswordAuthentication = mkDefault false;
      KbdInteractiveAuthentication = mkDefault false;
      X11Forwarding = mkDefault false;
    };
  };

  users = {
    # What the document takes back is taken back.
    mutableUsers = mkDefault false;
    # The key that always works is not in the system, so NixOS cannot see that nobody is locked out.
    allowNoPasswordLogin = true;
    users = lib.genAttrs names (
      name:
      lib.optionalAttrs (name != "root") {
        isNormalUser = true;
        extraGroups = said.${name}.groups or [ ] ++ optional (sudo name != "none") "wheel";
      }
      // {
        hashedPasswordFile = mkIf (said.${name}.hashedPasswordFile or null != null) (
          said.${name}.hashedPasswordFile
        );
        openssh.authorizedKeys.keys = keys name;
      }
    );
  };

  security.sudo.extraRules = map (name: {
    users = [ name ];
    commands = [
      {
        command = "ALL";
        options = [ "NOPASSWD" ];
      }
    ];
  }) (builtins.filter (name: name != "root" && sudo name == "passwordless") names);

  # What nix8s copies there is taken as it comes.
  nix.settings.trusted-users = [ "root" ] ++ optional (ssh.user != "root") ssh.user;

  assertions = [
    {
      assertion = ssh.user == "root" || sudo ssh.user != "none";
      message = "${path}.sudo: ${ssh.user} is not root and cannot become it, so nix8s could not work here. Set passwordless, or password";
    }
    {
      assertion = !(ssh.user == "root" && ssh.rootLogin == "no");
      message = "${path}.rootLogin: nix8s logs in as root here. Set ssh.user to somebody else, or remove rootLogin";
    }
  ]
  ++ map (name: {
    assertion = name == "root" || sudo name != "password" || hasPassword name;
    message =
      if deployer ? ${name} then
        "${path}.sudo: ${name} has no password that sudo could ask for. Set users.${name}.hashedPasswordFile, or passwordless"
      else
        "users.${name}.sudo: ${name} has no password that sudo could ask for. Set hashedPasswordFile, or passwordless";
  }) names;
}
