#!/bin/bash
ID=$(aws ec2 run-instances --instance-type p4d.24xlarge --image-id ami-0f --region us-east-1 --query 'Instances[0].InstanceId' --output text)
ssh ubuntu@$ID 'cd project && ./run.sh 0.8'
