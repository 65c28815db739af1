{
  name = "lab";
  controlPlane = [
    {
      name = "only";
      ip = "192.168.1.11";
    }
  ];
}
