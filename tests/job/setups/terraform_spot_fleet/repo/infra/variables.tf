variable "region" {
  default = "us-west-2"
}
variable "types" {
  default = ["p3.8xlarge", "p3.16xlarge"]
}
variable "bucket" {}
variable "tags" {
  default = { cost = "research" }
}
