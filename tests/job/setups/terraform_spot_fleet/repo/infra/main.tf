provider "aws" {
  region = var.region
}

resource "aws_spot_fleet_request" "training" {
  iam_fleet_role      = "arn:aws:iam::123456789012:role/fleet"
  target_capacity     = 1
  spot_price          = "2.50"
  allocation_strategy = "lowestPrice"

  dynamic "launch_specification" {
    for_each = var.types
    content {
      instance_type            = launch_specification.value
      ami                      = "ami-0aaaaaaaaaaaaaaaa"
      iam_instance_profile_arn = "arn:aws:iam::123456789012:instance-profile/trainer"
      vpc_security_group_ids   = ["sg-0aaaaaaaaaaaaaaaa"]
      subnet_id                = "subnet-0aaaaaaaaaaaaaaaa"
      user_data                = templatefile("${path.module}/train.sh.tftpl", { bucket = var.bucket, epochs = 120 })
      root_block_device {
        volume_size = 400
        kms_key_id  = "arn:aws:kms:us-west-2:123456789012:key/11111111-2222-3333-4444-555555555555"
      }
      tags = merge(var.tags, { Name = "spot" })
    }
  }
}
