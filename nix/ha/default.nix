{ keepalived = { }; kube-vip = { }; haproxy = { }; external = { }; none = { }; }
