{ k3s.module = { }; kubeadm.module = { }; k0s.module = { }; }
