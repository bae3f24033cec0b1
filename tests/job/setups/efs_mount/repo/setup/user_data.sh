#!/bin/bash
yum install -y amazon-efs-utils nfs-utils
mkdir -p /mnt/efs
echo "fs-0123456789abcdef0.efs.us-east-2.amazonaws.com:/ /mnt/efs nfs4 nfsvers=4.1,rsize=1048576,hard,_netdev,ro 0 0" >> /etc/fstab
mount -a -t nfs4
