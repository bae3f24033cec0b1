import argparse

import boto3

parser = argparse.ArgumentParser()
parser.add_argument("--instance-type", default="p3.2xlarge")
parser.add_argument("--on-demand", action="store_true")
args = parser.parse_args()

USER_DATA = """#!/bin/bash
cd /home/ubuntu/chainer-mnist
aws s3 sync s3://acme-mnist/npy data/
python train_mnist.py --gpu 0 --epoch 50 --data data
aws s3 sync result s3://acme-mnist/result
"""

ec2 = boto3.client("ec2", region_name="us-east-1")
request = {
    "ImageId": "ami-0123456789abcdef2",
    "InstanceType": args.instance_type,
    "IamInstanceProfile": {"Name": "chainer"},
    "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 80}}],
}
ec2.request_spot_instances(SpotPrice="1.0", LaunchSpecification=request)
ec2.run_instances(MinCount=1, MaxCount=1, UserData=USER_DATA, **request)
