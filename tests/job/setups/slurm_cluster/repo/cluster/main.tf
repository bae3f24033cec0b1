resource "aws_instance" "node" {
  count                  = 4
  instance_type          = "p4d.24xlarge"
  ami                    = "ami-0eeeeeeeeeeeeeeee"
  subnet_id              = "subnet-0eeeeeeeeeeeeeeee"
  vpc_security_group_ids = ["sg-0eeeeeeeeeeeeeeee"]
  user_data              = file("${path.module}/user_data.sh")
}
